"""`hitl export`: labels and policy for the tools of others."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hitl.assemble import config_of
from hitl.atomic import atomic_write, sync_tree, temporary_sibling
from hitl.checkpoints import newest_checkpoint
from hitl.config.commands import Export
from hitl.errors import HitlError, UsageError
from hitl.export import preferences, rank_lists, score_rows
from hitl.journal import Journal
from hitl.models import resolve
from hitl.records import JudgedGroup
from hitl.rundir import RunDir
from hitl.scale import Scale


def export(command: Export) -> int:
    """Writes what was asked for, whole or not at all, and says how much it was."""
    root = Path(command.root)
    run_dir = RunDir.open(root, command.run)
    to_stdout = str(command.out) == "-"
    if to_stdout and command.format in ("parquet", "policy"):
        raise UsageError(f"--format {command.format} cannot go to standard output: give --out PATH")
    if not to_stdout and command.out.exists() and not command.force:
        raise UsageError(f"{command.out} is there already: another --out, or --force to replace it")
    try:
        if command.format == "policy":
            said = _policy(run_dir, root, command.out)
        else:
            content, said = _labels(run_dir, command.format)
            if to_stdout:
                sys.stdout.write(content.decode())
            else:
                command.out.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(command.out, content)
    except OSError as error:
        raise HitlError(f"{command.out} could not be written: {error.strerror}") from error
    print(said if to_stdout else f"{command.out}: {said}", file=sys.stderr)
    return 0


# --- labels -------------------------------------------------------------------------------------


def _labels(run_dir: RunDir, form: str) -> tuple[bytes, str]:
    """The file's bytes, and how much it is, in words."""
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        judged: list[JudgedGroup] = journal.judged()[::-1]
    if form == "ranklist":
        lines = list(rank_lists(judged))
        return _lines(lines), f"{len(lines)} rank lists of {len(judged)} judgements"
    if form == "preferences":
        pairs = list(preferences(judged))
        return _json_lines(pairs), f"{len(pairs)} pairs of {len(judged)} judgements"
    rows = list(score_rows(judged, Scale.parse(config_of(run_dir).scale)))
    said = f"{len(rows)} labels of {len(judged)} judgements"
    return (_parquet(rows) if form == "parquet" else _json_lines(rows)), said


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return _lines(json.dumps(row, ensure_ascii=False) for row in rows)


def _lines(lines: Iterable[str]) -> bytes:
    # A model may have written half a character; a reader of UTF-8 must not stumble over it.
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number, real = pa.string(), pa.int64(), pa.float64()
    schema = pa.schema([
        ("group", number), ("prompt", text), ("completion", text), ("text", text),
        ("label", real), ("score", real), ("rank", number), ("mode", text), ("operator", text),
        ("seconds", real), ("note", text), ("flag", pa.bool_()), ("policy_version", number),
    ])  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()


# --- policy -------------------------------------------------------------------------------------


def _policy(run_dir: RunDir, root: Path, out: Path) -> str:
    """Copies the policy as it is now: an ordinary transformers folder."""
    source, said = _newest(run_dir, root)
    temporary = temporary_sibling(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(source, temporary)
        sync_tree(temporary)
        if out.exists():
            shutil.rmtree(out)
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return said


def _newest(run_dir: RunDir, root: Path) -> tuple[Path, str]:
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        last = journal.last_update()
    if last == 0:
        source = resolve(config_of(run_dir).base_policy, root)
        if isinstance(source, str):
            raise HitlError(f"run {run_dir.name} has had no update: its policy is {source} itself")
        return source, "the base policy: the run has had no update yet"
    found = newest_checkpoint(run_dir.steps, last)
    if found is not None:
        version, path = found
        behind = "" if version == last else f" (the run is at {last}: resume it for the rest)"
        return path / "policy", f"the policy after update {version}{behind}"
    raise HitlError(
        f"run {run_dir.name} has no intact checkpoint: hitl replay {run_dir.name} --repair makes "
        "its policy again from the journal"
    )

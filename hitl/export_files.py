"""Labels and policy of a run as files for other tools: what `hitl export` and the data screen do.

Only reads the run, which may be open.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from hitl.atomic import atomic_write, sync_tree, temporary_sibling
from hitl.checkpoints import newest_checkpoint
from hitl.errors import HitlError, UsageError
from hitl.export import as_lines, preferences, rank_lists, scale_of, score_rows
from hitl.journal.listing import ALL, Filter
from hitl.models import resolve
from hitl.rundir import RunDir, is_run
from hitl.salvage import reading
from hitl.scale import Scale
from hitl.wording import Sentence

Format = Literal["ranklist", "preferences", "scores", "parquet", "policy"]

SUFFIXES: tuple[tuple[Format, str], ...] = (
    ("ranklist", ".tsv"),
    ("preferences", ".jsonl"),
    ("scores", ".jsonl"),
    ("parquet", ".parquet"),
    ("policy", ""),
)
"""Each format, and how the names of its files end; a policy is a folder."""


def write_export(
    run_dir: RunDir,
    form: Format,
    out: Path,
    *,
    force: bool = False,
    which: Filter = ALL,
    instead: Sentence | None = None,
) -> Sentence:
    """Writes file or folder, whole or not at all; says how much it was. Only the judgements that
    pass `which` are written. `instead` is what to do where `out` cannot be taken; None says it in
    the options of the command.

    Raises UsageError when `out` is there and not to be replaced, HitlError when it cannot be
    written.
    """
    if out.exists() and not force:
        raise UsageError(
            Sentence(
                "{path} is there already: {instead}",
                path=out,
                instead=instead or Sentence("another --out, or --force to replace it"),
            )
        )
    if form == "policy" and _is_something_else(out):
        raise UsageError(
            Sentence(
                "{path} is there and no model folder: {instead}",
                path=out,
                instead=instead or Sentence("another --out, or remove it"),
            )
        )
    try:
        if form == "policy":
            return _policy(run_dir, out)
        content, said = labels_file(run_dir, form, which)
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, content)
    except OSError as error:
        raise HitlError(
            Sentence(
                "{path} could not be written ({why}): {instead}",
                path=out,
                why=error.strerror or str(error),
                instead=instead or Sentence("give another --out"),
            )
        ) from error
    return said


# --- labels -------------------------------------------------------------------------------------


def labels_file(run_dir: RunDir, form: Format, which: Filter = ALL) -> tuple[bytes, Sentence]:
    """The file's bytes, and how much it is, in words."""
    with reading(run_dir) as journal:
        judged = journal.texts(which)
        every = journal.judgements()
    if form == "ranklist":
        lines = list(rank_lists(judged))
        return as_lines(lines), Sentence(
            "{count} rank lists of {judgements} judgements",
            count=len(lines),
            judgements=len(judged),
        )
    if form == "preferences":
        pairs = list(preferences(judged))
        return _json_lines(pairs), Sentence(
            "{count} pairs of {judgements} judgements", count=len(pairs), judgements=len(judged)
        )
    # Of the whole run: a label must not hang on which others are written with it.
    scale = scale_of(every, Scale.parse(run_dir.options().scale))
    rows = list(score_rows(judged, scale))
    said = Sentence(
        "{count} labels of {judgements} judgements", count=len(rows), judgements=len(judged)
    )
    return (_parquet(rows) if form == "parquet" else _json_lines(rows)), said


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    encode = json.JSONEncoder(ensure_ascii=False).encode  # `dumps` makes one a row
    return as_lines(encode(row) for row in rows)


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number, real = pa.string(), pa.int64(), pa.float64()
    schema = pa.schema([
        ("group", number), ("prompt", text), ("completion", text), ("text", text),
        ("label", real), ("score", real), ("rank", number), ("edited", pa.bool_()),
        ("mode", text), ("operator", text),
        ("seconds", real), ("note", text), ("flag", pa.bool_()), ("policy_version", number),
    ])  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()


# --- policy -------------------------------------------------------------------------------------


def _policy(run_dir: RunDir, out: Path) -> Sentence:
    """Copies the policy as it is now: an ordinary transformers folder."""
    source, said = _newest(run_dir)
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


def _is_something_else(out: Path) -> bool:
    """Whether a policy must not take the place of what is there: it would go with all that is in
    it."""
    if not out.is_dir():
        return out.exists()
    return any(out.iterdir()) and (is_run(out) or not (out / "config.json").is_file())


def _newest(run_dir: RunDir) -> tuple[Path, Sentence]:
    with reading(run_dir) as journal:
        digests = {stats.number: stats.digest for stats in journal.updates()}
    last = max(digests, default=0)
    if last == 0:
        source = resolve(run_dir.options().base_policy, run_dir.path.parent)
        if isinstance(source, str):
            raise HitlError(
                Sentence(
                    "run {run} has had no update: its policy is {policy} itself",
                    run=run_dir.name,
                    policy=source,
                )
            )
        return source, Sentence("the base policy: the run has had no update yet")
    found = newest_checkpoint(run_dir.steps, last, digests)
    if found is not None:
        version, path = found
        if version == last:
            return path / "policy", Sentence("the policy after update {number}", number=version)
        said = Sentence(
            "the policy after update {number} (the run is at {last}: resume it for the rest)",
            number=version,
            last=last,
        )
        return path / "policy", said
    raise HitlError(
        Sentence(
            "run {run} has no intact checkpoint: hitl replay {run} --repair makes its policy again "
            "from the journal",
            run=run_dir.name,
        )
    )

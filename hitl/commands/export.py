"""`hitl export`: labels and policy for the tools of others."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from hitl.config.commands import Export
from hitl.errors import UsageError
from hitl.export_files import labels_file, write_export
from hitl.rundir import RunDir


def export(command: Export) -> int:
    """Writes what was asked for, whole or not at all, and says how much it was."""
    run_dir = RunDir.open(Path(command.root), command.run)
    if str(command.out) == "-":
        if command.format in ("parquet", "policy"):
            raise UsageError(
                f"--format {command.format} cannot go to standard output: give --out PATH"
            )
        content, said = labels_file(run_dir, command.format)
        _write(content)
        print(said, file=sys.stderr)
    else:
        said = write_export(run_dir, command.format, command.out, force=command.force)
        print(f"{command.out}: {said}", file=sys.stderr)
    return 0


def _write(content: bytes) -> None:
    """UTF-8 whatever the terminal's own encoding: a file or another program reads this, and what
    that encoding lacks would be lost."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:  # somebody's own, which has no bytes
        sys.stdout.write(content.decode())

#!/usr/bin/env python3
"""Runs what the pages show, and puts the real output in its place.

python docs/run.py [--folder DIR] PAGE…

In a block of ```console, a line that begins with `$ ` is a command, with what it printed below.
Commands run in the order of the pages, in one folder: a fresh one, or DIR, which is kept.
`<!-- before: COMMAND -->` runs one that is not shown: what a page takes for granted. A command
that ends in `# refused` is to fail, and shows its error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE, BEFORE = "```console", "<!-- before: "


def commands(page: str) -> Iterator[str]:
    """Those a page shows, in order."""
    said: list[str] = []

    def note(command: str) -> str:
        said.append(command)
        return ""

    rewritten(page, note, hidden=lambda command: None)
    yield from said


def rewritten(page: str, run: Callable[[str], str], hidden: Callable[[str], object]) -> str:
    """The page with what `run` gives for each command it shows, in place of what stood there."""
    lines = iter(page.split("\n"))
    out: list[str] = []
    inside = False
    for line in lines:
        if line.startswith(BEFORE):
            hidden(line.removeprefix(BEFORE).removesuffix("-->").strip())
        if line.startswith("```"):
            inside = line == FENCE
        if not inside or line == FENCE:
            out.append(line)
        elif line.startswith("$ "):
            out.append(line)
            command = line[2:]
            while command.endswith("\\"):
                out.append(next(lines))
                command = command[:-1] + out[-1].strip()
            printed = run(command).rstrip("\n")
            out += printed.split("\n") if printed else []
    return "\n".join(out)


def main() -> None:
    """Rewrites the pages. Ends with the first command that fails, and leaves its page alone."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, help="where to run; default: a fresh one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        folder = options.folder or Path(fresh) / "work"
        folder.mkdir(parents=True, exist_ok=True)
        shim = Path(fresh) / "hitl"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hitl "$@"\n')
        shim.chmod(0o755)
        variables = os.environ | {
            "PATH": f"{fresh}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
            + os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DOCS": str(ROOT / "docs"),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "HF_HUB_OFFLINE": "1",
        }

        def run(command: str) -> str:
            print(f"$ {command}", file=sys.stderr, flush=True)
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            refused = command.endswith("# refused")
            if refused != bool(done.returncode):
                sys.exit(f"{command}\nended with {done.returncode}: {done.stderr[-2000:]}")
            return done.stderr if refused else done.stdout

        for path in options.pages:
            page = path.read_text("utf-8")
            path.write_text(rewritten(page, run, run), "utf-8")


if __name__ == "__main__":
    main()

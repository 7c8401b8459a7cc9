"""Seconds from the command to the first painted screen, and to the first group to judge.

python benchmarks/first_paint.py [RUNS [WORDS ...]]     (5)

Starts `hitl WORDS` on a terminal of its own, 80×24, in an empty folder, and reads what it draws.
Prints the median and the range; judges nothing. One start before those is not counted: it compiles
what was not compiled yet, as the first one on a user's machine does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from terminal import Terminal

MARKS = {"first paint": "policy v0", "first group": "Prompt"}


def measure() -> dict[str, float]:
    """One start, seconds by mark."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        terminal = Terminal(Path(folder), *sys.argv[2:])
        try:
            return {name: terminal.until(mark) for name, mark in MARKS.items()}
        except OSError:  # the terminal of a program that has ended
            sys.exit(f"it ended before its {' and '.join(MARKS)}:\n{terminal.text.strip()}")
        finally:
            terminal.close()


def main() -> None:
    measure()
    runs = [measure() for _ in range(int(sys.argv[1]) if sys.argv[1:] else 5)]
    for name in MARKS:
        times = sorted(run[name] for run in runs)
        print(f"{name}: {statistics.median(times):.2f} s ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()

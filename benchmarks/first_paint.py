"""Seconds from the command to the first painted screen, and to the first group to judge.

python benchmarks/first_paint.py [RUNS [WORDS ...]]     (5)

Starts `hitl WORDS` on a terminal of its own, 80×24, in an empty folder, and reads what it writes.
Prints the median and the range; judges nothing. It looks for bytes: to draw them, as terminal.py
does, takes .03 and .2 s more, of processors that the program would have had. One start before those
is not counted: it compiles what was not compiled yet, as the first one on a user's machine does.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time

MARKS = {"first paint": b"policy v0", "first group": b"Prompt"}


def measure() -> dict[str, float]:
    """One start, seconds by mark."""
    folder = tempfile.mkdtemp()
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= {"TERM": "xterm-256color", "HF_HUB_OFFLINE": "1"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.execv(sys.executable, [sys.executable, "-m", "hitl", *sys.argv[2:]])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen, found = b"", dict[str, float]()
    while len(found) < len(MARKS):
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the terminal of a program that has ended
            sys.exit(f"it ended before its {' and '.join(MARKS)}: {seen.decode(errors='replace')}")
        for name, mark in MARKS.items():
            if name not in found and mark in seen:
                found[name] = time.perf_counter() - started
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return found


def main() -> None:
    measure()
    runs = [measure() for _ in range(int(sys.argv[1]) if sys.argv[1:] else 5)]
    for name in MARKS:
        times = sorted(run[name] for run in runs)
        print(f"{name}: {statistics.median(times):.2f} s ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()

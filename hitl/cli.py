"""The command line: which command, with which options, and how errors end.

Nothing heavy is imported here; each command imports what it uses when it runs.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from types import MappingProxyType

import hitl
from hitl.commands.parse import parse
from hitl.config.commands import Replay, Resume, Runs, Simulate, Train
from hitl.config.pretrain import PretrainConfig
from hitl.config.reward import RewardTrainConfig
from hitl.errors import HitlError, UsageError
from hitl.text import safe

_COMMANDS: MappingProxyType[str, type] = MappingProxyType({
    "train": Train,
    "resume": Resume,
    "runs": Runs,
    "replay": Replay,
    "simulate": Simulate,
    "pretrain": PretrainConfig,
    "reward train": RewardTrainConfig,
})  # fmt: skip

_HELP = ("-h", "--help", "help")

_ABOUT = """usage: hitl [COMMAND] [OPTIONS]

Teach a Chinese or English GPT-2 by hand, in the terminal. Without a command: pick a run to resume,
or begin one.

{commands}

hitl COMMAND --help lists the options of a command; hitl --version says the version.
After any command, --debug shows the traceback of an error.
Exit codes: 0 good, 1 failed, 2 usage, 130 interrupted.
Environment: LANG (language of a new run), NO_COLOR."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 good, 1 failed, 2 usage, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    # Waiting OpenMP threads would spin on the core that the screen or another job needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another encoding shows "?" for what it lacks.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(words)
        sys.stdout.flush()  # here, where a reader that has gone is no news
        return code
    except SystemExit as end:  # help was printed
        return int(end.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain of it at exit once more.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"hitl: {_one_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, HitlError) else 1


def _one_line(error: Exception) -> str:
    """What happened and what to do."""
    if isinstance(error, HitlError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        text = f"{error.strerror}{where}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text += ": make room, then `hitl resume`; no judgement that was kept is lost"
    else:
        text = f"{type(error).__name__}: {error}: please report it, with what --debug shows"
    return safe(" ".join(text.split()))


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"hitl {hitl.__version__}")
        return 0
    if not words:
        from hitl.commands.home import home

        return home()
    if words[0] in _HELP:
        print(_ABOUT.format(commands=_overview("")))
        return 0
    group = _overview(f"{words[0]} ")
    if group and words[1:2] and words[1] in _HELP:  # `hitl reward --help`
        print(group)
        return 0
    return _dispatch(_parse(words))


def _parse(words: list[str]) -> object:
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in _COMMANDS and len(words) >= length:
            return parse(_COMMANDS[name], name, words[length:])
    for name in _COMMANDS:
        if name.split()[0] == words[0]:  # `hitl reward` alone
            raise UsageError(f"hitl {words[0]} needs more: hitl {name} --help")
    near = difflib.get_close_matches(words[0], _COMMANDS, 1)
    meant = f", did you mean {near[0]}?" if near else ":"
    raise UsageError(f"no command {words[0]!r}{meant} `hitl --help` lists them")


def _overview(start: str) -> str:
    """A line for each command whose name begins with `start`."""
    width = max(map(len, _COMMANDS))
    return "\n".join(
        f"  {name:{width}}  {(kind.__doc__ or '').splitlines()[0]}"
        for name, kind in _COMMANDS.items()
        if name.startswith(start)
    )


def _dispatch(command: object) -> int:
    match command:
        case Train():
            from hitl.commands.train import train

            return train(command)
        case Resume():
            from hitl.commands.resume import resume

            return resume(command)
        case Runs():
            from hitl.commands.runs import runs

            return runs(command)
        case Replay():
            from hitl.commands.replay import replay

            return replay(command)
        case Simulate():
            from hitl.commands.simulate import simulate

            return simulate(command)
        case PretrainConfig():
            from hitl.commands.models import pretrain

            return pretrain(command)
        case RewardTrainConfig():
            from hitl.commands.models import reward_train

            return reward_train(command)
    raise AssertionError(f"no command for {command!r}")

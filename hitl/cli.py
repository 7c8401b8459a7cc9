"""The command line: which command, with which options, and how errors end.

Nothing heavy is imported here; each command imports what it uses when it runs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import tyro

import hitl
from hitl.config.commands import Resume, Runs, Simulate, Train
from hitl.config.pretrain import PretrainConfig
from hitl.config.reward import RewardTrainConfig
from hitl.errors import HitlError

_ABOUT = """Teach a Chinese or English GPT-2 by hand, in the terminal.

Without a command: pick a run to resume, or begin one. --debug after any command shows the traceback
of an error, --version the version.

Environment: NO_COLOR, LANG (language of a new run).
"""

_RewardCommand = Annotated[
    RewardTrainConfig,
    tyro.conf.subcommand("train", description="Train a scorer on labelled texts."),
]
Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Resume, tyro.conf.subcommand("resume")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Simulate, tyro.conf.subcommand("simulate")]
    | Annotated[PretrainConfig, tyro.conf.subcommand("pretrain")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 good, 1 failed, 2 usage, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    # Waiting OpenMP threads would spin on the core that the screen or another job needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return _run(words)
    except HitlError as error:
        if debug:
            traceback.print_exc()
        print(f"hitl: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain of it at exit once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"hitl {hitl.__version__}")
        return 0
    if not words:
        from hitl.commands.home import home

        return home()
    return _dispatch(_parse(words))


def _parse(words: list[str]) -> object:
    if words[0] == "reward" and words[1:2] == ["train"]:
        return tyro.cli(RewardTrainConfig, prog="hitl reward train", args=words[2:])
    if words[0] == "reward":
        return tyro.extras.subcommand_cli_from_dict(
            {"train": RewardTrainConfig}, prog="hitl reward", args=words[1:]
        )
    return tyro.cli(
        Command, prog="hitl", description=_ABOUT, args=words, config=(tyro.conf.FlagCreatePairsOff,)
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

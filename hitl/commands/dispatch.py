"""Which command, with which options. Each imports what it uses when it runs."""

from __future__ import annotations

import difflib
from types import MappingProxyType

from hitl.commands.parse import parse
from hitl.config.auto import Auto, by_recipe, recipe_of
from hitl.config.commands import (
    Compare,
    Export,
    Home,
    Host,
    Join,
    Label,
    Replay,
    Resume,
    Runs,
    Serve,
    Show,
    Simulate,
    Train,
)
from hitl.config.offline import Dpo, Sft
from hitl.config.pretrain import PretrainConfig
from hitl.config.reward_commands import RewardEval, RewardScore, RewardTrain
from hitl.errors import UsageError

COMMANDS: MappingProxyType[str, type] = MappingProxyType({
    "train": Train,
    "resume": Resume,
    "label": Label,
    "runs": Runs,
    "show": Show,
    "serve": Serve,
    "host": Host,
    "join": Join,
    "compare": Compare,
    "export": Export,
    "replay": Replay,
    "simulate": Simulate,
    "auto": Auto,
    "sft": Sft,
    "dpo": Dpo,
    "pretrain": PretrainConfig,
    "reward train": RewardTrain,
    "reward eval": RewardEval,
    "reward score": RewardScore,
})  # fmt: skip

_HELP = ("-h", "--help", "help")

_LOOKS = ("--ui-lang", "--theme")
"""What `hitl` takes without a command."""

_ABOUT = """usage: hitl [COMMAND] [OPTIONS]

Teach a Chinese or English GPT-2 by hand, in the terminal. Without a command: pick a run to resume,
or begin one; --ui-lang zh|en and --theme dark|light|ansi are understood there too.

{commands}

hitl COMMAND --help lists the options of a command; hitl --version says the version.
After any command, --debug shows the traceback of an error.
Exit codes: 0 good, 1 failed, 2 usage, 130 interrupted.
Environment: LANG (language of the screens and of a new run), NO_COLOR, HITL_TOKEN (what host and
join must both know)."""


def dispatch(words: list[str]) -> int:
    """Runs the command that `words` begin with; returns its exit code."""
    if words[0] in _HELP:
        print(_ABOUT.format(commands=_overview("")))
        return 0
    group = _overview(f"{words[0]} ")
    if group and words[1:2] and words[1] in _HELP:  # `hitl reward --help`
        print(group)
        return 0
    return _dispatch(_parse(words))


def _parse(words: list[str]) -> object:
    if words[0].partition("=")[0] in _LOOKS:
        return parse(Home, "", words)
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS and len(words) >= length:
            kind, rest = COMMANDS[name], words[length:]
            if kind is Auto:
                rest = by_recipe(rest)
                return parse(kind, name, rest, recipe_of(rest))
            return parse(kind, name, rest)
    for name in COMMANDS:
        if name.split()[0] == words[0]:  # `hitl reward` alone
            raise UsageError(f"hitl {words[0]} needs more: hitl {name} --help")
    near = difflib.get_close_matches(words[0], COMMANDS, 1)
    meant = f", did you mean {near[0]}?" if near else ":"
    raise UsageError(f"no command {words[0]!r}{meant} `hitl --help` lists them")


def _overview(start: str) -> str:
    """A line for each command whose name begins with `start`."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        f"  {name:{width}}  {(kind.__doc__ or '').splitlines()[0]}"
        for name, kind in COMMANDS.items()
        if name.startswith(start)
    )


def _dispatch(command: object) -> int:
    match command:
        case Home():
            from hitl.commands.home import home

            return home(command.look)
        case Label():  # a Train, so it comes first
            from hitl.commands.train import label

            return label(command)
        case Train():
            from hitl.commands.train import train

            return train(command)
        case Resume():
            from hitl.commands.resume import resume

            return resume(command)
        case Runs():
            from hitl.commands.runs import runs

            return runs(command)
        case Show():
            from hitl.commands.show import show

            return show(command)
        case Compare():
            from hitl.commands.compare import compare_run

            return compare_run(command)
        case Export():
            from hitl.commands.export import export

            return export(command)
        case Replay():
            from hitl.commands.replay import replay

            return replay(command)
        case Serve():
            from hitl.commands.serve import serve

            return serve(command)
        case Host():
            from hitl.commands.host import host

            return host(command)
        case Join():
            from hitl.commands.join import join

            return join(command)
        case Simulate():
            from hitl.commands.simulate import simulate

            return simulate(command)
        case PretrainConfig():
            from hitl.commands.models import pretrain

            return pretrain(command)
        case Auto():
            from hitl.commands.auto import auto

            return auto(command)
        case Sft():
            from hitl.commands.tune import sft

            return sft(command)
        case Dpo():
            from hitl.commands.tune import dpo

            return dpo(command)
        case RewardTrain():
            from hitl.commands.reward import reward_train

            return reward_train(command)
        case RewardEval():
            from hitl.commands.reward import reward_eval

            return reward_eval(command)
        case RewardScore():
            from hitl.commands.reward import reward_score

            return reward_score(command)
    raise AssertionError(f"no command for {command!r}")

"""Options of `hitl auto`, and the recipes that name a set of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from hitl.config.checks import at_least
from hitl.config.session import SessionConfig
from hitl.errors import UsageError

PROBABILITY = "0..1"
"""Scale of a scorer that gives the probability of the positive class."""
RECIPES = ("tiny", "sentiment-zh", "imdb")
UNBOUNDED = "-4..4"
"""Scale assumed of a reward model: only what to expect before its first scores, not a limit."""


def unattended() -> SessionConfig:
    """A session's options where a scorer judges: larger groups and batches than a person wants."""
    return SessionConfig(
        group_size=8, batch_size=32, max_new_tokens=24, scale=PROBABILITY, amplify="off"
    )


@dataclass(frozen=True, slots=True)
class Auto:
    """PPO against a scorer, with nobody in the loop."""

    session: tyro.conf.OmitArgPrefixes[SessionConfig] = field(default_factory=unattended)
    """Options of the run."""
    recipe: Literal["tiny", "sentiment-zh", "imdb"] = "tiny"
    """Set of options to begin with (--preset NAME means the same); those given on the command line
    hold over it. tiny: the shipped models. sentiment-zh: uer/gpt2-chinese-cluecorpussmall against
    uer/roberta-base-finetuned-jd-binary-chinese. imdb: lvwerra/gpt2-imdb against the logit of
    lvwerra/distilbert-imdb, which needs --prompts. The models of the last two come from the hub."""
    reward: str | None = None
    """Scorer: a folder, a shipped name or a hub id of a classifier or of a reward model. Default:
    the shipped one of --lang."""
    raw: bool = False
    """The logit of the positive class as reward, in place of its probability."""
    reward_baseline: float = 0.0
    """Subtracted from every reward."""
    updates: Annotated[int, tyro.conf.arg(aliases=("--max-steps",))] = 20
    """PPO updates in all; a run that exists is continued up to them."""
    samples: int = 5
    """Texts shown after each update, drawn at random from its batch."""
    report_to: Literal["none", "wandb", "trackio"] = "none"
    """Where the figures go beside TensorBoard; the package is to be installed. wandb obeys
    WANDB_MODE, such as offline."""
    project: str = "hitl"
    """Project there; the run keeps its name."""
    run: str | None = None
    """Name of the run; one that exists is continued. Default: a new name."""
    json: bool = False
    """Print the figures as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        at_least("--updates", self.updates, 1)
        at_least("--samples", self.samples, 0)
        if not math.isfinite(self.reward_baseline):
            raise UsageError(f"--reward-baseline {self.reward_baseline:g} is not a finite number")
        if self.session.mode != "score":
            raise UsageError("--mode: a scorer gives scores, leave it out")


def recipe(name: str) -> Auto:
    """The options that `--recipe name` stands for. Raises UsageError for a name that is none."""
    session = unattended()
    classic = dataclasses.replace(session, preset="trl-classic", batch_size=128, group_size=16)
    match name:
        case "tiny":
            return Auto(session)
        case "sentiment-zh":
            model = "uer/gpt2-chinese-cluecorpussmall"
            session = dataclasses.replace(classic, policy=model, lang="zh", max_new_tokens=20)
            reward = "uer/roberta-base-finetuned-jd-binary-chinese"
            return Auto(session, "sentiment-zh", reward)
        case "imdb":
            session = dataclasses.replace(
                classic,
                policy="lvwerra/gpt2-imdb",
                lang="en",
                group_size=4,
                query_tokens="2-8",
                answer_tokens="4-16",
                max_new_tokens=16,
                scale=UNBOUNDED,
            )
            return Auto(session, "imdb", "lvwerra/distilbert-imdb", raw=True)
    raise UsageError(f"--recipe {name!r} is unknown: choose tiny, sentiment-zh or imdb")


def by_recipe(words: Sequence[str]) -> list[str]:
    """The words of a command line with `--recipe` where `--preset` names one: the PPO step has its
    presets too, of other names."""
    pairs = zip(words, [*words[1:], ""], strict=False)
    return [
        word.replace("--preset", "--recipe", 1)
        if (word == "--preset" and after in RECIPES) or word.removeprefix("--preset=") in RECIPES
        else word
        for word, after in pairs
    ]


def recipe_of(words: Sequence[str]) -> Auto:
    """The options of the recipe that the words of a command line name; "tiny" without one."""
    name = "tiny"
    for place, word in enumerate(words):
        if word == "--recipe":
            name = "".join(words[place + 1 : place + 2])
        elif word.startswith("--recipe="):
            name = word.removeprefix("--recipe=")
    return recipe(name)

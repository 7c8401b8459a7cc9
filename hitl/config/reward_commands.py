"""What `hitl reward train`, `eval` and `score` take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from hitl.config.checks import at_least
from hitl.config.offline import PreferenceConfig
from hitl.config.reward import RewardTrainConfig
from hitl.errors import UsageError

SHARED = frozenset(
    ["data", "out", "lang", "init", "bad_rows", "max_tokens", "precision", "device", "seed"]
)
"""Options of RewardTrainConfig that hold for every kind of data."""


@dataclass(frozen=True, slots=True)
class RewardTrain:
    """A reward model from rank lists, preferences, a run or labelled texts."""

    texts: tyro.conf.OmitArgPrefixes[RewardTrainConfig]
    """Data, result, and what labelled texts alone need."""
    preferences: tyro.conf.OmitArgPrefixes[PreferenceConfig] = field(
        default_factory=PreferenceConfig
    )
    """What rank lists, preferences and runs alone need."""
    data_kind: Literal["auto", "texts", "ranklist", "pairs", "run"] = "auto"
    """What DATA is; auto looks at it."""
    json: bool = False
    """Print the figures as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds runs and models."""

    def strangers(self, kind: str) -> list[str]:
        """Options that were given and mean nothing to this kind of data."""
        if kind == "texts":
            changed = _changed(self.preferences, PreferenceConfig())
        else:
            plain = RewardTrainConfig(data=self.texts.data, out=self.texts.out)
            changed = _changed(self.texts, plain)
        return [f"--{name.replace('_', '-')}" for name in changed if name not in SHARED]


def _changed(given: Any, plain: Any) -> Iterator[str]:
    """Names of the options that differ; a group of them has no name on the command line."""
    for one in fields(given):
        mine, usual = getattr(given, one.name), getattr(plain, one.name)
        if is_dataclass(mine):
            yield from _changed(mine, usual)
        elif mine != usual:
            yield one.name


@dataclass(frozen=True, slots=True)
class RewardEval:
    """How well a reward model agrees with rank lists, preferences or a run."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """Reward model or scorer: a folder, a shipped name or a hub id."""
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Rank lists (.tsv), preferences (.jsonl) or a run."""
    data_kind: Literal["auto", "ranklist", "pairs", "run"] = "auto"
    """What DATA is; auto looks at it."""
    bad_rows: Literal["refuse", "skip"] = "refuse"
    """Rows that cannot be used: refuse the file, or leave them out. Both tell them."""
    batch_size: int = 32
    """Texts scored at once."""
    json: bool = False
    """Print the figures as one JSON object on the last line."""
    root: str = "checkpoints"
    """Folder that holds runs and models."""

    def __post_init__(self) -> None:
        at_least("--batch-size", self.batch_size, 1)


@dataclass(frozen=True, slots=True)
class RewardScore:
    """Score texts: arguments, a file, or standard input, one a line."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """Reward model or scorer: a folder, a shipped name or a hub id."""
    texts: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TEXT")] = ()
    """Texts to score. Without any, and without --file, they are read from standard input."""
    file: Path | None = None
    """File with one text a line, UTF-8."""
    raw: bool = False
    """The logit of the positive class in place of its probability."""
    batch_size: int = 32
    """Texts scored at once."""
    json: bool = False
    """Print one JSON object instead of a table."""
    root: str = "checkpoints"
    """Folder that holds models."""

    def __post_init__(self) -> None:
        at_least("--batch-size", self.batch_size, 1)
        if self.texts and self.file is not None:
            raise UsageError("--file and texts as arguments: give one of them")

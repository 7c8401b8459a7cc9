"""The engine whose policy lives on a Ray cluster.

It forwards to a worker there. When the worker, its node or the way to it is lost, it starts
another, makes that into what the lost one was, from the newest checkpoint and the journal, and
asks again. That is safe with everything an engine does: sampling is keyed, an update is asked for
by its number, and a save begins anew.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version as version_here
from pathlib import Path
from typing import Any, Protocol, TypeVar

import hitl
from hitl.atomic import remove_contents
from hitl.cluster.past import Past
from hitl.cluster.remote import Handle, LostError
from hitl.cluster.team import Team
from hitl.cluster.worker import About, Told
from hitl.config.session import SessionConfig
from hitl.engine import BrokenOffError, NoRoomError, never
from hitl.errors import HitlError, UsageError
from hitl.manifest import Manifest
from hitl.records import Group, Inspection, LabelledGroup, Prompt, StepOptions, UpdateStats

T = TypeVar("T")

MOST_LOSSES = 3
"""Workers that one call may lose: what kills each of them is likely to be the call itself."""
ROOM_S = 0.25
"""Seconds between two looks at whether the operator still waits for a node."""
PATIENCE_S = 10.0
"""Seconds of waiting for a node before that is said."""
SAME = ("torch", "transformers", "tokenizers", "safetensors")
"""Packages that the last digits depend on."""


class Cluster(Protocol):
    """Where workers run."""

    @property
    def where(self) -> str:
        """For sentences."""

    @property
    def gpus(self) -> float:
        """All there are, free or not."""

    @property
    def processors(self) -> float:
        """All there are, free or not."""

    def start(self, gpus: int) -> Handle:
        """A new worker, as soon as a node has room for it; returns at once. Raises LostError."""

    def close(self) -> None:
        """Leaves it."""


@dataclasses.dataclass(frozen=True)
class Ears:
    """Who hears of the engine's work; all are called from the thread that asked."""

    progress: Callable[[str, int, int], None]
    notice: Callable[[str], None]
    partial: Callable[[Prompt, tuple[str, ...]], None]
    leaving: Callable[[], bool]
    """Whether nobody waits any more. A policy that is being made again is given up then."""


class RayEngine:
    """Implements hitl.engine.Engine. Its results are LocalEngine's."""

    def __init__(
        self,
        source: Path | str,
        config: SessionConfig,
        cluster: Cluster,
        past: Past,
        ears: Ears,
        workers: int = 1,
        shard: bool = False,
    ) -> None:
        """`source` is the base policy, a folder here or an id of the hub. `workers` divide each
        update; their results are LocalEngine's but for the order of sums. With `shard` each has a
        piece of the policy, else the whole. The cluster is closed with the engine. Raises HitlError
        when it has no node such as the config asks for, or there is no such policy."""
        self._source, self._past, self._ears = source, past, ears
        self._version = 0
        self._cluster = cluster
        self._team: Team | None = None
        self._workers, self._shard = workers, shard
        self._rows: int | None = None
        """Completions that go forward at once, where those of the config had no room."""
        self._versions_told = False
        try:
            self._gpus, self._config = _card(config, cluster, workers)
            self._ask(lambda team: None)
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int:
        """Updates the policy has had."""
        return self._version

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        groups: list[Group] = self._call("sample", prompts, group_size, seed)
        return groups

    def sample_to_judge(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        groups: list[Group] = self._call("sample_to_judge", prompts, group_size, seed)
        return groups

    def sample_base(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        groups: list[Group] = self._call("sample_base", prompts, group_size, seed)
        return groups

    def update(
        self,
        number: int,
        batch: Sequence[LabelledGroup],
        options: StepOptions | None = None,
        hurried: Callable[[], bool] = never,
    ) -> UpdateStats:
        """See Engine."""
        stats: UpdateStats = self._ask(
            lambda team: team.update(number, batch, options, hear=self._hear)
        )
        self._version = number
        return stats

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """See Engine."""
        kl: float = self._call("sequence_kl", groups)
        return kl

    def inspect(self, group: Group) -> Inspection:
        """See Engine."""
        tokens: Inspection = self._call("inspect", group)
        return tokens

    def save(self, directory: Path) -> Manifest:
        """See Engine."""

        def save(team: Team) -> Manifest:
            remove_contents(directory)  # of a worker that was lost on the way
            return team.save(directory, self._hear)

        return self._ask(save)

    def load(self, directory: Path) -> int:
        """See Engine."""
        self._version = self._ask(lambda team: team.load(directory, self._hear))
        return self._version

    def close(self) -> None:
        """Ends the worker, and the cluster if it is one of our own."""
        if self._team is not None:
            self._team.close()
            self._team = None
        self._cluster.close()

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._ask(lambda team: team.call(method, *arguments, hear=self._hear))

    def _ask(self, ask: Callable[[Team], T]) -> T:
        """Of the worker, or of another one when it is lost on the way."""
        losses, again = 0, False
        while True:
            try:
                if self._team is None:
                    self._team = self._another(first=not again and self._version == 0)
                return ask(self._team)
            except NoRoomError:
                again = True
                self._drop()
                rows = self._rows or self._config.ppo.micro_batch_size
                if rows == 1:
                    raise
                self._rows = rows // 2
                self._ears.notice(
                    f"memory ran out where {rows} completions go forward at once: the workers "
                    f"begin again with {self._rows}; go on judging, nothing is lost"
                )
            except LostError as error:
                losses, again = losses + 1, True
                self._drop()
                if losses == MOST_LOSSES:
                    raise HitlError(
                        f"the policy's process on {self._cluster.where} was lost {losses} times "
                        f"in a row ({error}): no judgement is lost; look at the cluster, then "
                        "`hitl resume`"
                    ) from error
                self._ears.notice(
                    f"the policy's process on {self._cluster.where} is gone ({error}): "
                    "another is started; go on judging, nothing is lost"
                )
            except BrokenOffError:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._team is not None:
            self._team.end()
            self._team = None

    def _another(self, *, first: bool) -> Team:
        """Workers whose policy is at our version."""
        handles = [self._cluster.start(self._gpus) for _ in range(self._workers)]
        team = Team(handles, in_pieces=self._shard)
        try:
            every = self._placed(team)
            for about in every:
                self._compare(about)
            team.build(self._source, self._config, self._hear, self._rows)
            if not first:
                self._make_again(team, every[0])
        except BaseException:
            team.end()
            raise
        return team

    def _placed(self, team: Team) -> list[About]:
        """When a node has room for it, which may be never."""
        began, told = time.monotonic(), False
        while True:
            if team.ready(ROOM_S):
                return team.about(SAME)
            if self._ears.leaving():
                raise BrokenOffError("left while the cluster had no room for the policy")
            if not told and time.monotonic() - began > PATIENCE_S:
                told = True
                card = " and a GPU" if self._gpus else ""
                self._ears.notice(
                    f"waiting for a node of {self._cluster.where} with a free processor{card}"
                    + (f" for each of {self._workers} workers" if self._workers > 1 else "")
                )

    def _compare(self, about: About) -> None:
        if about.hitl != hitl.__version__:
            raise HitlError(
                f"hitl is {about.hitl} on {about.node} and {hitl.__version__} here: install the "
                "same version on both"
            )
        others = [
            f"{package} is {there} on {about.node} and {here} here"
            for package, there in about.versions.items()
            if there != (here := version_here(package))
        ]
        if others and not self._versions_told:
            self._versions_told = True
            self._ears.notice(f"{'; '.join(others)}: the last digits may differ")

    def _make_again(self, team: Team, about: About) -> None:
        """What the lost worker was: the checkpoint, and the updates after it from the journal."""
        found, at = self._past.checkpoint(self._version), 0
        if found is not None:
            at = team.load(found[1], self._hear)
        for number in range(at + 1, self._version + 1):
            if self._ears.leaving():
                raise BrokenOffError("left while the policy was being made again")
            self._ears.notice(f"making update {number} again from the journal")
            batch, recorded = self._past.update(number)
            stats = team.update(number, batch, recorded.options, hear=self._hear)
            if stats.digest != recorded.digest:
                self._ears.notice(
                    f"update {number} came out different in the last digits from when it was first "
                    f"made: {about.node} is another machine or has another library version"
                )
        self._ears.notice(f"the policy is back, on {about.node}, as it was after {self._version}")

    def _hear(self, told: Told) -> None:
        match told:
            case "progress", (stage, done, total):
                self._ears.progress(stage, done, total)
            case "notice", (text,):
                self._ears.notice(text)
            case "partial", (prompt, texts):
                self._ears.partial(prompt, texts)


def _card(config: SessionConfig, cluster: Cluster, workers: int) -> tuple[int, SessionConfig]:
    """GPUs to ask the cluster for, a worker, and the config with the device as the worker will see
    it: Ray shows it the card that it was given and no other. `auto` is decided once, so that a
    policy does not come back on another kind of device."""
    device = config.device
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device}: the cluster picks the card, use --device cuda")
    if device == "cuda" and not cluster.gpus:
        raise HitlError(f"--device cuda: {cluster.where} has no GPU; use --device cpu")
    if device == "auto":
        device = "cuda" if cluster.gpus else "cpu"
    room = {"processor": cluster.processors} | ({"GPU": cluster.gpus} if device == "cuda" else {})
    for what, there in room.items():
        if workers > max(there, 1):
            raise HitlError(
                f"--workers {workers}: {cluster.where} has {there:g} {what}"
                f"{'' if there == 1 else 's'}, and each worker takes one: give fewer, or add nodes"
            )
    return int(device == "cuda"), dataclasses.replace(config, device=device)

"""What a person sees of `hitl auto`: a bar, and after each update its figures and some texts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from hitl.auto import Scored, drawn, with_baseline
from hitl.commands.auto_tracker import Tracker
from hitl.operator import Notice
from hitl.records import UpdateStats
from hitl.text import safe


class _Rate(ProgressColumn):
    """Updates a minute."""

    def render(self, task: Task) -> Text:
        """See ProgressColumn."""
        return Text("" if task.speed is None else f"{task.speed * 60:.1f} updates/min")


class AutoView:
    """Writes to standard error and to TensorBoard; may be told from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        baseline: float,
        samples: int,
        track: Callable[[], Tracker] | None = None,
    ) -> None:
        """`folder` takes the TensorBoard files; `samples` texts are shown an update; `baseline` was
        subtracted from the rewards and is added again to what is told; `track` begins a run at
        another service."""
        self._folder = folder
        self._seed = seed
        self._baseline = baseline
        self._samples = samples
        self._track = track
        self._tracker: Tracker | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    @contextlib.contextmanager
    def showing(self, done: int, total: int) -> Iterator[None]:
        """Draws while inside; `done` of `total` updates were made before."""
        from hitl.learn.board import Board

        self._board = Board(self._folder, done + 1)
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(self._board))
            if self._track is not None:
                self._tracker = stack.enter_context(contextlib.closing(self._track()))
            stack.enter_context(self._progress)
            self._task: TaskID = self._progress.add_task("PPO", total=total, completed=done)
            yield

    def updated(self, stats: UpdateStats, scored: Sequence[Scored]) -> None:
        """An update is done."""
        told = with_baseline(stats, self._baseline)
        some = drawn(scored, self._samples, self._seed, stats.number)
        self._say(
            f"update {stats.number}: mean reward {told.reward:.3f}, "
            f"KL {stats.sequence_kl:.2f}, entropy {stats.entropy:.2f}, {stats.seconds:.1f} s"
        )
        for text, score in some:
            self._say(f"  {score:7.3f}  {text}")
        self._board.add(told, [f"{score:.3f} {text}" for text, score in some])
        if self._tracker is not None:
            self._tracker.add(stats, self._baseline, some)
        self._progress.update(self._task, advance=1)

    def noticed(self, notice: Notice) -> None:
        """Something to know."""
        self._say(f"{notice.level}: {notice.text}")

    def _say(self, line: str) -> None:
        # Text, not str: what a model wrote is no markup.
        self._progress.console.print(Text(safe(line)), soft_wrap=True)

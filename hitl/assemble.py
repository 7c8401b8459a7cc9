"""Where the parts of a session are put together: the only place that knows all three worlds'
doors. Nothing heavy is imported before the engine's thread imports it."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hitl.atomic import atomic_write
from hitl.base import base_of, check_base, identity_of
from hitl.checkpoints import Checkpoints, newest_checkpoint
from hitl.cluster.past import Past
from hitl.config.place import Place
from hitl.config.session import SessionConfig
from hitl.dialogue import display_order
from hitl.engine import BrokenOffError, Engine, EngineThread
from hitl.export import as_lines, rank_lists
from hitl.journal import Journal
from hitl.lock import RunLock
from hitl.models import resolve
from hitl.open_run import Held
from hitl.opening import AS_IT_IS, Opening, check_place, config_of
from hitl.operator import Listener, Notice, Operator, Partial, Progress
from hitl.prompts import draw, prompts_of
from hitl.pulse import Pulse
from hitl.records import LabelledGroup, Prompt, UpdateStats
from hitl.rewards import labelled
from hitl.rollback import go_back
from hitl.rundir import RunDir
from hitl.salvage import saying_what_is_left
from hitl.session import Session

PROGRESS_S = 0.1
"""Seconds between two steps of the engine that the operator is told of."""


@dataclass(frozen=True)
class Elsewhere:
    """What an engine that lives elsewhere needs beside a config."""

    place: Place
    past: Past
    over: Callable[[], bool]
    """Whether the session has ended, and nobody waits for the engine."""


def make_engine(
    config: SessionConfig,
    root: Path,
    listener: Listener,
    *,
    shuffle: bool = False,
    behind: bool = False,
    elsewhere: Elsewhere | None = None,
) -> EngineThread:
    """An engine for the config's base policy, in its own thread; its progress goes to the
    listener, and loading ends with BrokenOffError when they leave. `shuffle` is the session's;
    `behind` says that a person sits at a screen of this process."""
    source = resolve(config.base_policy, root, "policy", trust_remote_code=config.trust_remote_code)
    pulse = Pulse(PROGRESS_S)

    def tell(stage: str, done: int, total: int) -> None:
        if stage == "load" and listener.leaving:
            raise BrokenOffError("left while the policy was being loaded")
        # A step a token is more than a screen can draw, and each one takes its time.
        if done == 0 or done >= total or pulse.due():
            listener.notify(Progress(stage, done, total))

    def tell_partial(prompt: Prompt, texts: tuple[str, ...]) -> None:
        key, size = (prompt.number, prompt.attempt), len(texts)
        shown = display_order(config.seed, key, size) if shuffle else range(size)
        listener.notify(Partial(key, prompt.text, tuple(texts[index] for index in shown)))

    def tell_notice(text: str) -> None:
        listener.notify(Notice(text, "warning"))

    def make_here() -> Engine:
        from hitl.learn.engine import LocalEngine

        if gc.get_freeze_count():  # by a run that was open before: its policy is let go now
            gc.unfreeze()
            gc.collect()
        engine = LocalEngine(source, config, tell, tell_notice, tell_partial)
        # torch and transformers leave some 400,000 objects that stay. To look through them all
        # took the garbage collector 0.35 s in the middle of an update, and no key was heard.
        gc.freeze()
        return engine

    if elsewhere is None or elsewhere.place.engine == "local":
        return EngineThread(make_here, behind=behind)
    check_place(elsewhere.place)
    place, past, over = elsewhere.place, elsewhere.past, elsewhere.over

    def make_on_cluster() -> Engine:
        tell("load", 0, 0)
        from hitl.cluster.connection import connect
        from hitl.cluster.engine import Ears, RayEngine

        ears = Ears(tell, tell_notice, tell_partial, lambda: listener.leaving or over())
        cluster = connect(place.ray_address)
        return RayEngine(source, config, cluster, past, ears, place.workers, place.shard)

    return EngineThread(make_on_cluster)


def past_of(run_dir: RunDir, journal: Journal) -> Past:
    """Where a policy that was lost on the way is found again."""

    def update(number: int) -> tuple[Sequence[LabelledGroup], UpdateStats]:
        batch = [labelled(j.group, j.judgement) for j in journal.update_batch(number)]
        [stats] = [stats for stats in journal.updates() if stats.number == number]
        return batch, stats

    def checkpoint(at_most: int) -> tuple[int, Path] | None:
        digests = {stats.number: stats.digest for stats in journal.updates()}
        return newest_checkpoint(run_dir.steps, at_most, digests)

    return Past(checkpoint, update)


@dataclass(frozen=True)
class Opened(Held):
    """A run with everything in place around it, for one operator."""

    session: Session


@contextlib.contextmanager
def held(run_dir: RunDir, listener: Listener, opening: Opening = AS_IT_IS) -> Iterator[Held]:
    """Holds the run's lock, journal and engine.

    Raises UsageError when there is no update to go back to; nothing is changed then.
    """
    config = config_of(run_dir, opening)
    base_of(run_dir, config)
    texts = prompts_of(config)
    with (
        RunLock(run_dir.path),
        saying_what_is_left(run_dir),
        Journal.open(run_dir.journal_path) as journal,
    ):
        checkpoints = Checkpoints(run_dir.steps, config.keep)
        if opening.at is not None:
            go_back(journal, checkpoints, opening.at)
        over = threading.Event()
        elsewhere = Elsewhere(opening.place, past_of(run_dir, journal), over.is_set)
        engine = make_engine(
            config,
            run_dir.path.parent,
            listener,
            shuffle=opening.shuffle,
            behind=opening.ahead > 0,
            elsewhere=elsewhere,
        )
        try:
            _compare_base(run_dir, config, journal, engine, listener)
            yield Held(
                config,
                journal,
                checkpoints,
                engine,
                lambda number: draw(texts, config.seed, number),
            )
        finally:
            over.set()
            engine.close()


@contextlib.contextmanager
def opened(run_dir: RunDir, operator: Operator, opening: Opening = AS_IT_IS) -> Iterator[Opened]:
    """The same for one operator, with their session."""
    with held(run_dir, operator, opening) as this:
        yield Opened(**vars(this), session=Session(this, operator, opening))


def run(run_dir: RunDir, operator: Operator, opening: Opening = AS_IT_IS) -> None:
    """The operator's session, until they leave."""
    with opened(run_dir, operator, opening) as this:
        this.session.run()
        leave_rank_lists(run_dir, this)


def leave_rank_lists(run_dir: RunDir, this: Held) -> None:
    """What a run that only labels leaves behind; nothing for any other."""
    if this.config.label_only:
        lines = rank_lists(this.journal.texts())
        atomic_write(run_dir.rank_lists_path, as_lines(lines))


def _compare_base(
    run_dir: RunDir,
    config: SessionConfig,
    journal: Journal,
    engine: EngineThread,
    listener: Listener,
) -> None:
    """Whether the base policy is still that of the run; meanwhile the engine is being loaded."""
    source = resolve(config.base_policy, run_dir.path.parent, trust_remote_code=True)
    is_new = journal.last_group_number() == 0

    def warn(text: str) -> None:
        listener.notify(Notice(text, "warning"))

    def compare_revision(_: Engine) -> None:  # behind the engine's start, which may fetch it
        from hitl.learn.hub import revision_of

        revision = revision_of(str(source))
        check_base(run_dir, {} if revision is None else {"revision": revision}, is_new, warn)

    if isinstance(source, Path):
        check_base(run_dir, identity_of(source), is_new, warn)
    else:
        engine.submit(compare_revision)

"""Where the parts of a session are put together: the only place that knows all three worlds'
doors. Nothing heavy is imported before the engine's thread imports it."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hitl.atomic import atomic_write
from hitl.base import check_base, identity_of
from hitl.checkpoints import Checkpoints, newest_checkpoint
from hitl.cluster.past import Past
from hitl.config.place import HERE, Place
from hitl.config.session import SessionConfig
from hitl.dialogue import display_order
from hitl.engine import BrokenOffError, Engine, EngineThread
from hitl.errors import UsageError
from hitl.export import as_lines, rank_lists
from hitl.faultpoints import reach
from hitl.journal import Journal
from hitl.lock import RunLock
from hitl.models import resolve
from hitl.open_run import OpenRun
from hitl.operator import Listener, Notice, Operator, Partial, Progress
from hitl.prompts import draw, load_prompts, shipped_prompts
from hitl.pulse import Pulse
from hitl.records import LabelledGroup, Prompt, UpdateStats
from hitl.rewards import labelled
from hitl.rundir import RunDir
from hitl.salvage import saying_what_is_left
from hitl.session import Session

PROGRESS_S = 0.1
"""Seconds between two steps of the engine that the operator is told of."""

RECORDED = ("torch", "transformers", "tokenizers", "safetensors")


def create_run(root: Path, name: str, config: SessionConfig) -> RunDir:
    """A new run, once its policy and prompts are seen to be there.

    Raises UsageError when they are not: then no folder is made.
    """
    source = resolve(config.base_policy, root, trust_remote_code=config.trust_remote_code)
    prompts_of(config)
    config = anchored(config)
    if config.threads is None:
        config = dataclasses.replace(config, threads=processors())
    from importlib.metadata import version  # 17 ms, and only a new run needs it

    return RunDir.create(root, name, {
        "options": config.to_json(),
        "ppo": dataclasses.asdict(config.ppo),
        "versions": {package: version(package) for package in RECORDED},
        "base": {"policy": str(source)},
    })  # fmt: skip


def processors() -> int:
    """Those this process may use, or fewer if OpenMP is told so."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def anchored(config: SessionConfig) -> SessionConfig:
    """The user's own files by their absolute paths: a run may be resumed from another folder."""
    policy, prompts = config.policy, config.prompts
    return dataclasses.replace(
        config,
        policy=str(Path(policy).resolve()) if policy and Path(policy).is_dir() else policy,
        prompts=str(Path(prompts).resolve()) if prompts else None,
    )


def prompts_of(config: SessionConfig) -> tuple[str, ...]:
    """The texts the run draws from."""
    path = Path(config.prompts) if config.prompts else shipped_prompts(config.lang)
    return load_prompts(path)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a run is opened this time; none of it is an option of the run."""

    ahead: int = 0
    """Groups sampled ahead while one is judged; 0 waits for each."""
    shuffle: bool = False
    """Mix the places of a group's completions."""
    again: float = 0.0
    """Share of groups that come a second time, to see how far the operator agrees with
    themselves."""
    device: str | None = None
    """Where the policy lives, in place of the run's own device."""
    place: Place = HERE
    """Whose engine it is."""
    at: int | None = None
    """The update to go back to; what came after it is left behind."""


AS_IT_IS = Opening()
"""Nothing ahead, nothing mixed: the same judgements make the same run."""


def config_of(run: RunDir, opening: Opening = AS_IT_IS) -> SessionConfig:
    """The options a run was made with, but for what is asked this time."""
    config = run.options()
    if opening.device is None:
        return config
    return dataclasses.replace(config, device=opening.device)


def check_place(place: Place) -> None:
    """Raises UsageError when what it needs is not installed."""
    if place.engine == "ray" and importlib.util.find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray, which is not installed: pip install 'hitl[ray]'")


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
    elsewhere: Elsewhere | None = None,
) -> EngineThread:
    """An engine for the config's base policy, in its own thread; its progress goes to the
    listener, and loading ends with BrokenOffError when they leave. `shuffle` is the session's."""
    source = resolve(config.base_policy, root, trust_remote_code=config.trust_remote_code)
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

        engine = LocalEngine(source, config, tell, tell_notice, tell_partial)
        # torch and transformers leave some 400,000 objects that stay. To look through them all
        # took the garbage collector 0.35 s in the middle of an update, and no key was heard.
        gc.freeze()
        return engine

    if elsewhere is None or elsewhere.place.engine == "local":
        return EngineThread(make_here)
    check_place(elsewhere.place)
    address, past, over = elsewhere.place.ray_address, elsewhere.past, elsewhere.over

    def make_on_cluster() -> Engine:
        tell("load", 0, 0)
        from hitl.cluster.connection import connect
        from hitl.cluster.engine import Ears, RayEngine

        ears = Ears(tell, tell_notice, tell_partial, lambda: listener.leaving or over())
        return RayEngine(source, config, connect(address), past, ears)

    return EngineThread(make_on_cluster)


def past_of(run_dir: RunDir, journal: Journal) -> Past:
    """Where a policy that was lost on the way is found again."""

    def update(number: int) -> tuple[Sequence[LabelledGroup], UpdateStats]:
        batch = [labelled(j.group, j.judgement) for j in journal.update_batch(number)]
        [stats] = [stats for stats in journal.updates() if stats.number == number]
        return batch, stats

    return Past(lambda at_most: newest_checkpoint(run_dir.steps, at_most), update)


@dataclass(frozen=True)
class Held:
    """A run's folder, locked, with all that a session is made of."""

    config: SessionConfig
    journal: Journal
    checkpoints: Checkpoints
    engine: EngineThread
    prompt: Callable[[int], Prompt]


@dataclass(frozen=True)
class Opened(Held):
    """A run with everything in place around it."""

    session: Session


@contextlib.contextmanager
def held(run_dir: RunDir, listener: Listener, opening: Opening = AS_IT_IS) -> Iterator[Held]:
    """Holds the run's lock, journal and engine.

    Raises UsageError when there is no update to go back to; nothing is changed then.
    """
    config = config_of(run_dir, opening)
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
        session = Session(
            this.config,
            this.journal,
            this.checkpoints,
            this.engine,
            this.prompt,
            operator,
            opening.ahead,
            shuffle=opening.shuffle,
            again=opening.again,
        )
        yield Opened(this.config, this.journal, this.checkpoints, this.engine, this.prompt, session)


def open_run(
    this: Held, listener: Listener, opening: Opening = AS_IT_IS, overlap: float = 0.0
) -> OpenRun:
    """The run for several operators; `overlap` is the share of groups that two of them judge."""
    return OpenRun(
        this.config,
        this.journal,
        this.checkpoints,
        this.engine,
        this.prompt,
        listener,
        opening.ahead,
        shuffle=opening.shuffle,
        again=opening.again,
        overlap=overlap,
    )


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


def go_back(journal: Journal, checkpoints: Checkpoints, at: int) -> None:
    """Makes update `at` the last one, on a new branch; the journal keeps what came after it.

    Killed in between, the run is as it was, short of checkpoints that it can make again. Raises
    UsageError when there is no such update.
    """
    check_update(journal, at)
    checkpoints.discard_after(at)
    reach("rollback:discarded")
    journal.rollback(at)


def check_update(journal: Journal, at: int) -> None:
    """Raises UsageError when the run cannot go back to update `at`."""
    last = journal.last_update()
    if not 0 <= at <= last:
        choice = f"from 0, the base policy, to {last}" if last else "0, the base policy"
        raise UsageError(f"--at {at}: there is no such update in the run, choose {choice}")


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

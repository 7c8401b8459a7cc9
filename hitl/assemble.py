"""Where the parts of a session are put together: the only place that knows all three worlds'
doors. Nothing heavy is imported before the engine's thread imports it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import Engine, EngineThread
from hitl.journal import Journal
from hitl.lock import RunLock
from hitl.models import resolve
from hitl.operator import Notice, Operator, Progress
from hitl.prompts import draw, load_prompts, shipped_prompts
from hitl.rundir import RunDir
from hitl.session import Session

RECORDED = ("torch", "transformers", "tokenizers", "safetensors")


def create_run(root: Path, name: str, config: SessionConfig) -> RunDir:
    """A new run, once its policy and prompts are seen to be there.

    Raises UsageError when they are not: then no folder is made.
    """
    source = resolve(config.base_policy, root)
    prompts_of(config)
    config = anchored(config)
    if config.threads is None:
        config = dataclasses.replace(config, threads=processors())
    from importlib.metadata import version  # 17 ms, and only a new run needs it

    return RunDir.create(root, name, {
        "options": config.to_json(),
        "versions": {package: version(package) for package in RECORDED},
        "base": {"policy": str(source)},
    })  # fmt: skip


def processors() -> int:
    """Those this process may use, or fewer if OpenMP is told so."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else len(os.sched_getaffinity(0))


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


def config_of(run: RunDir) -> SessionConfig:
    """The options a run was made with."""
    options: dict[str, Any] = run.config()["options"]
    return SessionConfig.from_json(options)


def make_engine(config: SessionConfig, root: Path, operator: Operator) -> EngineThread:
    """An engine for the config's base policy, in its own thread; its progress goes to the
    operator."""
    source = resolve(config.base_policy, root)

    def make() -> Engine:
        from hitl.learn.engine import LocalEngine

        return LocalEngine(
            source,
            config,
            lambda *at: operator.notify(Progress(*at)),
            lambda text: operator.notify(Notice(text, "warning")),
        )

    return EngineThread(make)


@dataclass(frozen=True)
class Opened:
    """A run with everything in place around it."""

    config: SessionConfig
    journal: Journal
    checkpoints: Checkpoints
    engine: EngineThread
    session: Session


@contextlib.contextmanager
def opened(run_dir: RunDir, operator: Operator, *, ahead: int) -> Iterator[Opened]:
    """Holds the run's lock, journal and engine. `ahead` is how many groups are sampled ahead."""
    config = config_of(run_dir)
    texts = prompts_of(config)
    with RunLock(run_dir.path), Journal.open(run_dir.journal_path) as journal:
        checkpoints = Checkpoints(run_dir.steps, config.keep)
        engine = make_engine(config, run_dir.path.parent, operator)
        try:
            session = Session(
                config,
                journal,
                checkpoints,
                engine,
                lambda number: draw(texts, config.seed, number),
                operator,
                ahead,
            )
            yield Opened(config, journal, checkpoints, engine, session)
        finally:
            engine.close()


def run(run_dir: RunDir, operator: Operator, *, ahead: int) -> None:
    """One sitting of the operator at the run."""
    with opened(run_dir, operator, ahead=ahead) as this:
        this.session.run()

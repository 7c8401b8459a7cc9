"""--workers on a cluster: two actors on two nodes make the updates of one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from hitl.assemble import run
from hitl.checkpoints import Checkpoints
from hitl.cluster.engine import Ears, RayEngine
from hitl.cluster.past import Past
from hitl.config.place import Place
from hitl.config.ppo import PPOConfig
from hitl.config.recorded import RecordedConfig
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.journal import Journal
from hitl.learn.engine import LocalEngine
from hitl.opening import Opening
from hitl.operator import Quit
from hitl.records import LabelledGroup, Mode, Prompt
from tests.fakes import Scripted, scores

from .conftest import Nodes, workers

pytest.importorskip("ray")

from hitl.cluster.connection import connect

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

# With Adam's own eps a gradient of nothing but rounding makes a whole step, in whichever direction.
# An update of so many passes takes seconds, in which a worker can be killed.
LONG = PPOConfig(adam_eps=1.0, lr=0.03, ppo_epochs=150, stop_kl=None, kl_control="fixed")
SAID = ("policy_loss", "entropy", "clip_fraction", "gradient_norm", "step_kl", "sequence_kl")


class Killer:
    """Kills the second worker in an update, once it is armed."""

    def __init__(self) -> None:
        self.armed = False
        self.passed: list[tuple[int, int]] = []
        """Gradient steps done, of how many, as it struck."""

    def hear(self, stage: str, done: int, total: int) -> None:
        if self.armed and stage == "update" and done >= 5:
            self.armed = False
            self.passed.append((done, total))
            workers()[1].kill()


@dataclass(frozen=True)
class Two:
    """A policy that two workers have."""

    ray: RayEngine
    config: SessionConfig
    checkpoints: Checkpoints
    notices: list[str]
    killer: Killer


@pytest.fixture
def two(room: Nodes, policy: Path, config: SessionConfig, tmp_path: Path) -> Iterator[Two]:
    with two_of(room, policy, config, tmp_path) as two:
        yield two


@contextlib.contextmanager
def two_of(
    room: Nodes,
    policy: Path,
    config: SessionConfig,
    tmp_path: Path,
    numbers: PPOConfig = LONG,
    *,
    shard: bool = False,
) -> Iterator[Two]:
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(SessionConfig)}
    long = RecordedConfig(**fields, recorded=numbers)
    checkpoints, notices = Checkpoints(tmp_path / "steps"), list[str]()

    def checkpoint(at_most: int) -> tuple[int, Path] | None:
        found = [version for version in checkpoints.versions() if version <= at_most]
        return (found[-1], checkpoints.path(found[-1])) if found else None

    killer = Killer()
    ears = Ears(killer.hear, notices.append, lambda prompt, texts: None, lambda: False)
    past = Past(checkpoint, {}.__getitem__)
    ray = RayEngine(policy, long, connect(room.address), past, ears, 2, shard)
    yield Two(ray, long, checkpoints, notices, killer)
    ray.close()


def labels(engine: RayEngine, number: int) -> list[LabelledGroup]:
    prompts = [Prompt("the film was", 2 * number), Prompt("a good", 2 * number + 1)]
    groups = engine.sample(prompts, 3, 1)
    return [LabelledGroup(group, (5.0, 1.0, 3.0), "op", Mode.SCORE) for group in groups]


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "policy" / "model.safetensors")


def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return math.sqrt(sum(float((one[n] - other[n]).double().square().sum()) for n in one))


def test_two_workers_make_two_updates_as_one_and_again_when_one_of_them_dies(
    two: Two, policy: Path, tmp_path: Path
) -> None:
    assert len(workers()) == 2
    local = LocalEngine(policy, two.config, lambda *told: None)
    base = two.checkpoints.commit(0, two.ray.save)
    digests = []
    for number in (1, 2):
        batch = labels(two.ray, number)
        got, want = two.ray.update(number, batch), local.update(number, batch)
        digests.append(got.digest)
        for name in SAID:
            value = getattr(want, name)
            assert getattr(got, name) == pytest.approx(value, rel=1e-5, abs=1e-6), name
        if number == 1:
            first = batch
    two.checkpoints.commit(2, two.ray.save)
    (tmp_path / "local").mkdir()
    local.save(tmp_path / "local")
    start, mine = weights(base), weights(two.checkpoints.path(2))
    theirs = weights(tmp_path / "local")
    assert apart(theirs, start) > 0.1
    assert apart(mine, theirs) < 1e-5 * apart(theirs, start)

    assert two.ray.load(base) == 0
    two.killer.armed = True
    assert two.ray.update(1, first).digest == digests[0]
    [(done, total)] = two.killer.passed
    assert 5 <= done < total
    gone, back = two.notices
    assert "is gone" in gone and "go on judging" in gone and "the policy is back" in back
    assert len(workers()) == 2
    assert two.ray.update(2, labels(two.ray, 2)).digest == digests[1]


def test_a_session_has_its_updates_made_by_two(
    room: Nodes, config: SessionConfig, tmp_path: Path
) -> None:
    run_dir = create_run(tmp_path, "a", config)
    counts: list[int] = []

    class Looking(Scripted):
        def notify(self, event: object) -> None:
            super().notify(event)  # type: ignore[arg-type]
            counts.append(len(workers()))

    place = Place("ray", room.address, workers=2)
    run(run_dir, Looking([scores(5, 1), scores(1, 5), Quit()]), Opening(place=place))
    assert max(counts) == 2
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        [stats] = journal.updates()
    assert stats.labels == 4 and stats.epochs > 0
    run(run_dir, Scripted([Quit()]))  # here it goes on from their checkpoint

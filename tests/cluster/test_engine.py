"""The engine on a cluster: LocalEngine's results, whatever is lost on the way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hitl.checkpoints import Checkpoints
from hitl.cluster.engine import Ears, RayEngine
from hitl.cluster.past import Past
from hitl.config.session import SessionConfig
from hitl.engine import Engine
from hitl.errors import HitlError
from hitl.learn.engine import LocalEngine
from hitl.records import LabelledGroup, Mode, Prompt, UpdateStats

from .conftest import Nodes, Once, kill_worker

pytest.importorskip("ray")

from hitl.cluster.connection import connect

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Pair:
    """The same policy on the cluster and here, and what the operator has of it."""

    ray: RayEngine
    local: LocalEngine
    checkpoints: Checkpoints
    once: Once
    notices: list[str]
    journal: dict[int, tuple[list[LabelledGroup], UpdateStats]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def pair(
    nodes: Nodes, policy: Path, config: SessionConfig, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    once, notices = Once(), list[str]()
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run") / "steps")
    journal: dict[int, tuple[list[LabelledGroup], UpdateStats]] = {}

    def checkpoint(at_most: int) -> tuple[int, Path] | None:
        found = [version for version in checkpoints.versions() if version <= at_most]
        return (found[-1], checkpoints.path(found[-1])) if found else None

    ears = Ears(
        lambda stage, done, total: once.heard(stage),
        notices.append,
        lambda prompt, texts: None,
        lambda: False,
    )
    ray = RayEngine(
        policy, config, connect(nodes.address), Past(checkpoint, journal.__getitem__), ears
    )
    local = LocalEngine(policy, config, lambda *told: None)
    yield Pair(ray, local, checkpoints, once, notices, journal)
    ray.close()


def labels(engine: Engine, number: int) -> list[LabelledGroup]:
    prompts = [Prompt("the film was", 2 * number), Prompt("a good", 2 * number + 1)]
    groups = engine.sample(prompts, 2, 1)
    return [LabelledGroup(group, (5.0, 1.0), "op", Mode.SCORE) for group in groups]


def contents(folder: Path) -> dict[str, bytes]:
    """Of all files but for the time that an update took."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    state = json.loads(found["state.json"])
    state["last"]["seconds"] = 0
    return {**found, "state.json": json.dumps(state).encode(), "manifest.json": b""}


def one_round(pair: Pair, tmp_path: Path) -> bool:
    """Samples, learns and saves on both sides: no bit is another one.

    Returns whether the engine was missed before its update was in the journal.
    """
    number = pair.local.version + 1
    batch = labels(pair.ray, number)
    assert batch == labels(pair.local, number)
    expected = pair.local.update(number, batch)
    made = pair.ray.update(number, batch)
    assert dataclasses.replace(made, seconds=expected.seconds) == expected
    assert pair.ray.version == number
    early = bool(pair.notices)
    pair.journal[number] = (batch, made)
    path = pair.checkpoints.commit(number, pair.ray.save)
    pair.local.save(tmp_path)
    assert contents(path) == {**contents(tmp_path), "manifest.json": b""}
    return early


def test_the_engine_on_a_cluster_gives_what_the_one_here_gives(pair: Pair, tmp_path: Path) -> None:
    one_round(pair, tmp_path)
    number = pair.local.version
    [judged, _] = labels(pair.local, number)
    assert pair.ray.inspect(judged.group) == pair.local.inspect(judged.group)
    assert pair.ray.sequence_kl([judged.group]) == pair.local.sequence_kl([judged.group])
    prompts = [Prompt("bad", 1)]
    assert pair.ray.sample_base(prompts, 2, 1) == pair.local.sample_base(prompts, 2, 1)
    assert pair.ray.load(pair.checkpoints.path(number)) == number
    assert pair.ray.update(number, [judged]) == pair.journal[number][1]


@pytest.mark.parametrize("stage", ["sample", "update", "save"])
def test_a_node_that_is_lost_changes_no_bit(
    pair: Pair, nodes: Nodes, tmp_path: Path, stage: str
) -> None:
    pair.notices.clear()
    nodes.add_spare()
    pair.once.arm(stage, nodes.lose)
    early = one_round(pair, tmp_path)
    gone, *made, back = pair.notices
    assert "is gone" in gone and "go on judging" in gone
    assert "the policy is back" in back
    # An update that was answered and has no checkpoint yet is made again from the journal. One
    # as small as this can be answered before the node that makes it is gone.
    assert early or stage != "sample"
    assert len(made) == (0 if early else 1), made


def test_a_process_that_is_killed_between_two_calls_is_made_again(
    pair: Pair, tmp_path: Path
) -> None:
    pair.notices.clear()
    kill_worker()
    one_round(pair, tmp_path)
    assert "the policy is back" in pair.notices[-1]


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_card_that_the_cluster_lacks_is_said_in_one_line(
    nodes: Nodes, policy: Path, config: SessionConfig, device: str
) -> None:
    ears = Ears(lambda *told: None, lambda text: None, lambda *told: None, lambda: False)
    past = Past(lambda at_most: None, {}.__getitem__)
    asked = dataclasses.replace(config, device=device)
    said = "has no GPU; use --device cpu" if device == "cuda" else "use --device cuda$"
    with pytest.raises(HitlError, match=said):
        RayEngine(policy, asked, connect(nodes.address), past, ears)

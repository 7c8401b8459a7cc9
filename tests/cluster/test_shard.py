"""--shard on a cluster: two actors on two nodes have a policy in pieces."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hitl.assemble import run
from hitl.config.place import Place
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.journal import Journal
from hitl.learn.engine import LocalEngine
from hitl.opening import Opening
from hitl.operator import Quit
from tests.fakes import Scripted, scores

from .conftest import Nodes, workers
from .test_workers import LONG, SAID, Two, apart, labels, two_of, weights

pytest.importorskip("ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


def test_pieces_make_two_updates_as_one_and_again_when_a_worker_dies(
    room: Nodes, policy: Path, config: SessionConfig, tmp_path: Path
) -> None:
    numbers = dataclasses.replace(LONG, ppo_epochs=50)  # a pass takes longer
    with two_of(room, policy, config, tmp_path, numbers, shard=True) as two:
        live(two, policy, tmp_path)


def live(two: Two, policy: Path, tmp_path: Path) -> None:
    local = LocalEngine(policy, two.config, lambda *told: None)
    base = two.checkpoints.commit(0, two.ray.save)
    batch = labels(two.ray, 1)
    assert batch == labels(local, 1)
    group = batch[0].group
    assert two.ray.inspect(group) == local.inspect(group)
    assert two.ray.sequence_kl([group]) == local.sequence_kl([group])
    assert two.ray.sample_base([group.prompt], 2, 1) == local.sample_base([group.prompt], 2, 1)
    got, want = two.ray.update(1, batch), local.update(1, batch)
    for name in SAID:
        value = getattr(want, name)
        assert getattr(got, name) == pytest.approx(value, rel=1e-5, abs=1e-6), name
    path = two.checkpoints.commit(1, two.ray.save)
    (tmp_path / "local").mkdir()
    local.save(tmp_path / "local")
    start, theirs = weights(base), weights(tmp_path / "local")
    assert apart(theirs, start) > 0.1
    assert apart(weights(path), theirs) < 1e-5 * apart(theirs, start)

    # A whole policy goes on from it, and so do pieces; one of them is killed in the update.
    assert local.load(path) == 1 and local.digest() == got.digest
    assert two.ray.load(base) == 0
    two.killer.armed = True
    assert two.ray.update(1, batch).digest == got.digest
    [(done, total)] = two.killer.passed
    assert 5 <= done < total
    gone, back = two.notices
    assert "is gone" in gone and "go on judging" in gone and "the policy is back" in back
    assert len(workers()) == 2


def test_a_session_has_its_policy_in_pieces(
    room: Nodes, config: SessionConfig, tmp_path: Path
) -> None:
    run_dir = create_run(tmp_path, "a", config)
    place = Place("ray", room.address, workers=2, shard=True)
    run(run_dir, Scripted([scores(5, 1), scores(1, 5), Quit()]), Opening(place=place))
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        [stats] = journal.updates()
    assert stats.labels == 4 and stats.epochs > 0
    run(run_dir, Scripted([Quit()]))  # here it goes on from their checkpoint

"""Several workers asked as one, without a cluster between: they meet over the loopback address."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from hitl.cluster import team as teams
from hitl.cluster.engine import Ears, RayEngine
from hitl.cluster.past import Past
from hitl.cluster.remote import LostError
from hitl.cluster.team import Team
from hitl.cluster.worker import Look, Told, Worker
from hitl.config.ppo import PPOConfig
from hitl.config.recorded import RecordedConfig
from hitl.config.session import SessionConfig
from hitl.engine import NoRoomError, PeerLostError, UpdateRefusedError
from hitl.errors import HitlError
from hitl.learn.engine import LocalEngine
from hitl.records import LabelledGroup, Mode, Prompt, UpdateStats


def serve(pipe: Connection) -> None:
    """A worker in a process of its own, asked over a pipe."""
    answer_all(Worker(), pipe)


def serve_with_little_room(pipe: Connection) -> None:
    """The same of one that has no room for more than one completion at a time."""
    import torch

    from hitl.learn import ppo

    evaluate = ppo.evaluate_rows

    def scarce(policy: Any, rollout: Any, index: Any, how: Any) -> Any:
        if torch.is_grad_enabled() and len(index) > 1:
            raise torch.OutOfMemoryError("no room")
        return evaluate(policy, rollout, index, how)

    ppo.evaluate_rows = scarce
    answer_all(Worker(), pipe)


def serve_without_room_to_sample(pipe: Connection) -> None:
    """The same of one that has no room for its part of the sampling."""
    import torch

    from hitl.learn import engine

    def scarce(*given: Any) -> Any:
        raise torch.OutOfMemoryError("no room")

    engine.sample_groups = scarce
    answer_all(Worker(), pipe)


def answer_all(worker: Worker, pipe: Connection) -> None:
    while True:
        method, arguments = pipe.recv()
        try:
            answer = True, getattr(worker, method)(*arguments)
        except Exception as error:
            answer = False, error
        pipe.send(answer)


class Spawned:
    """The way to it; implements remote.Handle."""

    def __init__(self, serving: Callable[[Connection], None] = serve) -> None:
        spawn = get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serving, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def ready(self, seconds: float) -> bool:
        return True

    def address(self) -> str:
        return "127.0.0.1"

    def ask(self, method: str, *arguments: Any) -> Any:
        try:
            self._pipe.send((method, arguments))
            good, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise LostError("its process has ended") from error
        if not good:
            raise value
        return value

    def end(self) -> None:
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        if self.process.is_alive():
            self.ask("close")
        self.end()


def silent(told: Told) -> None:
    pass


@pytest.mark.slow
def test_two_workers_learn_as_one_engine_until_one_is_killed(
    policy: Path, config: SessionConfig, tmp_path: Path
) -> None:
    local = LocalEngine(policy, config, lambda *told: None)
    workers = [Spawned(), Spawned()]
    team = Team(workers)
    try:
        team.build(policy, config, silent)
        prompts = [Prompt("the film was", 1)]
        groups = team.call("sample", prompts, 4, 1, hear=silent)
        assert groups == local.sample(prompts, 4, 1)
        batch = [LabelledGroup(groups[0], (5.0, 1.0, 3.0, 2.0), "op", Mode.SCORE)]
        heard: list[Told] = []
        want, got = local.update(1, batch), team.update(1, batch, None, hear=heard.append)
        assert got.policy_loss == pytest.approx(want.policy_loss, rel=1e-5, abs=1e-6)
        assert heard.count(("progress", ("update", 0, 0))) == 1  # not once a worker
        assert team.update(1, batch, None, hear=silent) == got
        local.save(tmp_path)
        assert team.load(tmp_path, silent) == 1
        assert team.update(1, batch, None, hear=silent) == want
        with pytest.raises(HitlError, match="update 7 asked of a policy that is at 1"):
            team.update(7, batch, None, hear=silent)
        workers[1].process.kill()
        with pytest.raises(LostError):
            team.update(2, batch, None, hear=silent)
    finally:
        team.end()


@dataclasses.dataclass
class Processes:
    """A cluster of processes here, every second of which has little room; implements
    engine.Cluster."""

    processors: float = 2.0
    gpus: float = 0.0
    where: str = "this machine"
    started: list[Spawned] = dataclasses.field(default_factory=list)

    def start(self, gpus: int) -> Spawned:
        self.started.append(Spawned([serve, serve_with_little_room][len(self.started) % 2]))
        return self.started[-1]

    def close(self) -> None:
        pass


@pytest.mark.slow
def test_pieces_in_which_memory_runs_out_are_begun_again_with_smaller_passes(
    policy: Path, config: SessionConfig, tmp_path: Path
) -> None:
    """The first worker waits inside a layer for the second one, which has given up."""
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(SessionConfig)}
    numbers = PPOConfig(mini_batch_size=4, micro_batch_size=2, ppo_epochs=2, adam_eps=1.0)
    asked = RecordedConfig(**fields, recorded=numbers)
    local = LocalEngine(policy, asked, lambda *told: None)
    cluster, notices = Processes(), list[str]()
    ears = Ears(lambda *told: None, notices.append, lambda *told: None, lambda: False)
    past = Past(lambda at_most: None, {}.__getitem__)
    engine = RayEngine(policy, asked, cluster, past, ears, workers=2, shard=True)
    try:
        groups = engine.sample([Prompt("the film was", 1), Prompt("bad", 2)], 4, 1)
        rewards = (5.0, 1.0, 3.0, 2.0)
        batch = [LabelledGroup(group, rewards, "op", Mode.SCORE) for group in groups]
        want, got = local.update(1, batch), engine.update(1, batch)
        assert got.policy_loss == pytest.approx(want.policy_loss, rel=1e-5, abs=1e-6)
        said, *back = notices
        assert "where 2 completions go forward at once" in said and "begin again with 1" in said
        assert len(back) == 1 and "the policy is back" in back[0]
        assert [one.process.is_alive() for one in cluster.started] == [False, False, True, True]
    finally:
        engine.close()


@pytest.mark.slow
def test_memory_that_runs_out_in_sampling_pieces_is_one_line_and_ends_those_that_wait(
    policy: Path, config: SessionConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smaller passes would not help: nothing is begun again."""
    monkeypatch.setattr(teams, "GRACE_S", 1.0)
    workers = [Spawned(), Spawned(serve_without_room_to_sample)]
    team = Team(workers, in_pieces=True)
    try:
        team.build(policy, config, silent)
        with pytest.raises(HitlError, match="give more --workers, or a smaller") as error:
            team.call("sample", [Prompt("the film was", 1)], 4, 1, hear=silent)
        assert "\n" not in str(error.value)
        assert not any(worker.process.is_alive() for worker in workers)
    finally:
        team.end()


# --- what can go wrong, with workers that only say so --------------------------------------------

STATS = UpdateStats(
    1, 2, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1, 0.0, digest="a"
)  # fmt: skip


class Said:
    """Answers a look with what it is given, then with nothing new."""

    def __init__(self, *looks: Look | Exception) -> None:
        self._looks = list(looks)
        self.ended = False

    def ready(self, seconds: float) -> bool:
        return True

    def address(self) -> str:
        return "127.0.0.1"

    def ask(self, method: str, *arguments: Any) -> Any:
        if method != "look":
            return None
        look = self._looks.pop(0) if self._looks else Look((), done=False)
        if isinstance(look, Exception):
            raise look
        return look

    def end(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True


def done(value: Any = None, error: Exception | None = None) -> Look:
    return Look((), done=True, value=value, error=error)


def updated(*workers: Said) -> UpdateStats:
    return Team(workers).update(1, [], None, hear=silent)


def test_workers_that_came_out_different_are_ended_and_said() -> None:
    one, other = Said(done(STATS)), Said(done(dataclasses.replace(STATS, digest="b")))
    with pytest.raises(HitlError, match=r"out of update 1 with different weights.*--workers"):
        updated(one, other)
    assert one.ended and other.ended
    assert updated(Said(done(STATS)), Said(done(STATS))) == STATS


def test_a_worker_without_room_for_its_piece_ends_those_that_wait_for_it() -> None:
    waiting, full = Said(), Said(done(error=NoRoomError("one completion does not fit")))
    with pytest.raises(NoRoomError):
        updated(waiting, full)
    assert waiting.ended and full.ended


def test_in_pieces_all_are_asked_for_everything_and_the_first_one_is_heard() -> None:
    one, other = (Said(Look((("notice", (name,)),), done=True, value=name)) for name in "ab")
    heard: list[Told] = []
    team = Team([one, other], in_pieces=True)
    assert team.call("sequence_kl", [], hear=heard.append) == "a"
    assert heard == [("notice", ("a",))]
    assert not one.ended


def test_a_bug_in_pieces_ends_all() -> None:
    """A layer may be put together for good in one of them."""
    one, other = (Said(done(error=RuntimeError("a bug"))) for _ in range(2))
    with pytest.raises(RuntimeError, match="a bug"):
        Team([one, other], in_pieces=True).call("inspect", None, hear=silent)
    assert one.ended and other.ended


def test_what_all_refuse_ends_none_of_them() -> None:
    one, other = (Said(done(error=UpdateRefusedError("update 1 was undone"))) for _ in range(2))
    with pytest.raises(UpdateRefusedError):
        updated(one, other)
    assert not one.ended and not other.ended


def test_what_one_alone_fails_in_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teams, "GRACE_S", 0.0)
    waiting, failing = Said(), Said(done(error=RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        updated(waiting, failing)
    assert waiting.ended and failing.ended


@pytest.mark.parametrize(
    "lost", [lambda: LostError("it died"), lambda: done(error=PeerLostError("it died"))]
)
@pytest.mark.parametrize("first", [False, True])
def test_a_worker_that_is_lost_or_misses_another_one_is_a_lost_team(
    lost: Callable[[], Look | Exception], first: bool
) -> None:
    gone, waiting = Said(lost()), Said()
    with pytest.raises(LostError, match="it died"):
        updated(*((gone, waiting) if first else (waiting, gone)))


# --- room ----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Small:
    """A cluster that has too little; implements engine.Cluster."""

    processors: float
    gpus: float
    where: str = "the Ray cluster"

    def start(self, gpus: int) -> Any:
        raise AssertionError("it was asked all the same")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("device", "processors", "gpus", "said"),
    [
        ("cpu", 2.0, 0.0, r"--workers 3: the Ray cluster has 2 processors, and each worker takes"),
        ("auto", 8.0, 1.0, r"--workers 3: the Ray cluster has 1 GPU, and each worker takes one"),
        ("cuda", 2.0, 4.0, r"--workers 3: the Ray cluster has 2 processors"),
    ],
)
def test_more_workers_than_there_is_room_for_are_refused_in_one_line(
    config: SessionConfig, device: str, processors: float, gpus: float, said: str
) -> None:
    ears = Ears(lambda *told: None, lambda text: None, lambda *told: None, lambda: False)
    past = Past(lambda at_most: None, {}.__getitem__)
    asked = dataclasses.replace(config, device=device)
    with pytest.raises(HitlError, match=said) as error:
        RayEngine("any", asked, Small(processors, gpus), past, ears, workers=3)
    assert "\n" not in str(error.value)

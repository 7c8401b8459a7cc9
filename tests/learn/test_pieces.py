"""A policy in pieces over processes: what one whole policy samples, learns, saves and loads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.config.recorded import RecordedConfig
from hitl.engine import NoRoomError
from hitl.learn import ppo
from hitl.learn.cut import PolicyInPieces, cut
from hitl.learn.engine import LocalEngine
from hitl.learn.expected import Expected
from hitl.learn.keyed import generator
from hitl.learn.pieces import whole
from hitl.learn.policy import Policy, digest
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share
from hitl.learn.step import StepResult, ppo_step
from hitl.records import LabelledGroup, Mode, Prompt, UpdateStats
from tests.faults.policy import write_policy

from .conftest import tiny_policy
from .families import prompt_of, save_family
from .processes import Processes
from .test_share import AMPLIFIED, HUMAN_PLAIN, SAID, STEADY, batch_of, config_of, far, judged, same
from .together import CPU

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    processes = Processes(2)
    yield processes
    processes.end()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_policy(tmp_path_factory.mktemp("policy"))


# --- one step -----------------------------------------------------------------------------------


def policy_of(share: Share, seed: int) -> Policy:
    """The tiny one, whole or in pieces."""
    tiny = tiny_policy(seed)
    if share.mesh is None:
        return tiny
    policy = PolicyInPieces(tiny.model, seed)
    cut(policy, share.mesh)
    return policy


def one_step(
    share: Share, batch: list[LabelledGroup], config: PPOConfig
) -> tuple[StepResult, dict[str, Tensor]]:
    """A step of plain gradient descent; what it did, and how far each parameter moved."""
    policy, reference = policy_of(share, 0), policy_of(share, 3)
    reference.requires_grad_(False)
    rollout = rollout_of(batch, 1, CPU)
    before = {name: whole(p.detach()).clone() for name, p in policy.named_parameters()}
    result = ppo_step(
        policy, reference, torch.optim.SGD(policy.parameters(), lr=0.1), rollout, Sampling(8),
        config, config.init_kl_coef, None,
        Expected(torch.full((len(rollout.ids),), 3.0), torch.ones(len(rollout.ids))),
        lambda epoch: torch.randperm(len(rollout.ids), generator=generator(epoch)),
        lambda *told: None, share,
    )  # fmt: skip
    return result, {n: whole(p.detach()) - before[n] for n, p in policy.named_parameters()}


ONE, FEW, MANY = (11, 16, 1), (5, 2, 1), (3, 1, 2)
"""Rows of a mini-batch, of a forward pass, and mini-batches a gradient step."""


@pytest.mark.parametrize(
    ("config", "rows", "sizes"),
    [
        *((HUMAN, rows, sizes) for rows, sizes in ((1, ONE), (2, FEW), (7, ONE), (7, MANY))),
        *((HUMAN_PLAIN, rows, sizes) for rows, sizes in ((1, ONE), (2, MANY), (7, FEW))),
        *((TRL_CLASSIC, rows, sizes) for rows, sizes in ((2, ONE), (7, FEW), (7, MANY))),
    ],
    ids=[*(f"human-{n}" for n in range(4)), *(f"plain-{n}" for n in range(3)),
         *(f"trl-{n}" for n in range(3))],
)  # fmt: skip
def test_the_step_of_one(
    two: Processes, config: PPOConfig, rows: int, sizes: tuple[int, int, int]
) -> None:
    mini, micro, accumulated = sizes
    config = dataclasses.replace(
        config, ppo_epochs=2, mini_batch_size=mini, micro_batch_size=micro,
        gradient_accumulation_steps=accumulated,
    )  # fmt: skip
    batch = batch_of(rows, 5)
    alone, moved = one_step(ALONE, batch, config)
    every = two.together(one_step, batch, config)
    assert len({digest(weights.items()) for _, weights in every}) == 1
    for result, weights in every:
        assert result.outcome == every[0][0].outcome
        same(result, alone)
        assert far(moved, weights) < 1e-5


# --- the engine ---------------------------------------------------------------------------------


def engine_of(share: Share, source: Path, config: RecordedConfig) -> LocalEngine:
    return LocalEngine(source, config, lambda *told: None, join=lambda device: share)


def asked(share: Share, source: Path, config: RecordedConfig) -> tuple[LocalEngine, list[Any]]:
    """An engine, and what it says before it has learned."""
    engine = engine_of(share, source, config)
    prompts = [Prompt("the film was", 1), Prompt("bad", 2)]
    groups = engine.sample(prompts, 3, 1)
    said = [
        groups,
        engine.sample_base(prompts, 3, 2),
        engine.sample_to_judge(prompts, 2, 3),
        engine.sequence_kl(groups),
        engine.inspect(groups[0]),
        engine.digest(),
    ]
    return engine, said


def one_life(
    share: Share, source: Path, config: RecordedConfig, batches: list[Any], root: Path
) -> tuple[list[Any], list[UpdateStats], str, float]:
    """Asks, learns, saves into a folder of its own, loads the first save again. Returns what it
    said, of the updates, its digest after them, and the part of the weights that it holds."""
    engine, said = asked(share, source, config)
    folder = root / f"{share.size}-{share.rank}"
    stats = []
    for number, batch in enumerate(batches, 1):
        stats.append(engine.update(number, batch))
        place = folder / str(number)
        place.mkdir(parents=True)
        engine.save(place)
    end = engine.digest()
    shared = root / f"{share.size}-0"
    assert engine.load(shared / "1") == 1
    assert engine.digest() == stats[0].digest
    assert engine.update(2, batches[1]).digest == stats[1].digest
    parameters = list(engine._policy.parameters())
    own = sum(p.to_local().numel() if share.in_pieces else p.numel() for p in parameters)
    return said, stats, end, own / sum(p.numel() for p in parameters)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


BOUNDED = dataclasses.replace(
    AMPLIFIED, stop_kl=HUMAN.stop_kl, kl_control=HUMAN.kl_control, target_kl=0.01
)
"""With a pass that is shortened, and a budget that is used up."""
LIVES = {
    "plain": dataclasses.replace(config_of(STEADY), candidates=4),
    "amplified": config_of(BOUNDED, amplify=True),
    "lora": dataclasses.replace(config_of(STEADY), lora=True),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life_as_that_of_one_whole_policy(
    two: Processes, source: Path, tmp_path: Path, name: str
) -> None:
    config, amplify = LIVES[name], name == "amplified"
    base = engine_of(ALONE, source, config)
    batches = [judged(base, 1), judged(base, 8)]
    said, want, _, _ = one_life(ALONE, source, config, batches, tmp_path)
    every = two.together(one_life, source, config, batches, tmp_path)
    for theirs, stats, end, part in every:
        assert theirs == said
        assert 0.4 < part < 0.6
        assert end == stats[1].digest == every[0][2]
        for got, expected in zip(stats, want, strict=True):
            for name in (*SAID, "sequence_kl", "kl_coef", "reward", "own_accuracy"):
                value = getattr(expected, name)
                assert getattr(got, name) == pytest.approx(value, rel=1e-5, abs=1e-6), name
            assert got.own_texts == expected.own_texts == (2 * 3 * 2 if amplify else 0)

    # One has written, in the form of a whole policy, and a whole policy goes on from there.
    assert not files(tmp_path / "2-1" / "2")
    written, own = files(tmp_path / "2-0" / "2"), files(tmp_path / "1-0" / "2")
    assert {n: len(b) for n, b in written.items()} | {"state.json": 0} == {
        n: len(b) for n, b in own.items()
    } | {"state.json": 0}
    alone = engine_of(ALONE, source, config)
    assert alone.load(tmp_path / "2-0" / "2") == 2
    assert alone.digest() == every[0][2]
    (tmp_path / "again").mkdir()
    alone.save(tmp_path / "again")
    assert files(tmp_path / "again") == written

    # And the pieces go on from what a whole one has saved.
    assert two.together(loaded, source, config, tmp_path / "1-0" / "2") == [want[1].digest] * 2


def loaded(share: Share, source: Path, config: RecordedConfig, folder: Path) -> str:
    engine = engine_of(share, source, config)
    assert engine.load(folder) == 2
    assert json.loads((folder / "state.json").read_text())["version"] == 2
    return engine.digest()


# --- what else a policy may be ------------------------------------------------------------------


def learned(share: Share, source: Path, config: RecordedConfig, batch: list[Any]) -> UpdateStats:
    return engine_of(share, source, config).update(1, batch)


@pytest.mark.parametrize(
    "how", [{"gradient_checkpointing": True}, {"dtype": "bf16"}], ids=lambda how: next(iter(how))
)
def test_with_checkpointed_gradients_and_in_another_precision(
    two: Processes, source: Path, how: dict[str, Any]
) -> None:
    config = dataclasses.replace(config_of(STEADY), **how)
    batch = judged(engine_of(ALONE, source, config), 1)
    want = learned(ALONE, source, config, batch)
    near = 1e-2 if "dtype" in how else 1e-5
    for got in two.together(learned, source, config, batch):
        for name in SAID:
            value = getattr(want, name)
            assert getattr(got, name) == pytest.approx(value, rel=near, abs=near / 10), name


def family_life(share: Share, folder: Path, prompt: str) -> tuple[list[Any], UpdateStats]:
    config = dataclasses.replace(config_of(STEADY), max_new_tokens=5)
    engine = engine_of(share, folder, config)
    groups = engine.sample([Prompt(prompt, 1), Prompt(prompt + prompt, 2)], 3, 5)
    batch = [LabelledGroup(group, (5.0, 1.0, 2.0), "op", Mode.SCORE) for group in groups]
    return [groups, engine.digest(), engine.sequence_kl(groups)], engine.update(1, batch)


@pytest.mark.parametrize("family", ["gpt2-bert", "llama-untied", "qwen2-tied", "bloom"])
def test_other_families(two: Processes, tmp_path: Path, family: str) -> None:
    folder, prompt = save_family(family, tmp_path), prompt_of(family)
    said, want = family_life(ALONE, folder, prompt)
    for theirs, got in two.together(family_life, folder, prompt):
        assert theirs == said
        for name in SAID:
            value = getattr(want, name)
            assert getattr(got, name) == pytest.approx(value, rel=1e-5, abs=1e-6), name


def scarce(share: Share, source: Path, config: RecordedConfig, batch: list[Any]) -> str:
    """Memory runs out for all, as it may for one alone: then the others are ended (the team's)."""
    engine, evaluate = engine_of(share, source, config), ppo.evaluate_rows

    def short(*given: Any) -> Any:
        raise torch.OutOfMemoryError("no room")

    ppo.evaluate_rows = short
    try:
        engine._ppo = dataclasses.replace(engine._ppo, micro_batch_size=2)
        engine.update(1, batch)
    except NoRoomError as error:
        return str(error)
    finally:
        ppo.evaluate_rows = evaluate
    return "there was room"


def test_memory_that_runs_out_is_said_to_the_team(two: Processes, source: Path) -> None:
    config = config_of(STEADY)
    batch = judged(engine_of(ALONE, source, config), 1)
    said = "update 1 was undone, one completion does not fit into memory"
    assert two.together(scarce, source, config, batch) == [said] * 2


def drawn(share: Share) -> tuple[list[int], list[int]]:
    """What is agreed on where each has drawn something else, and what was drawn."""
    own = torch.tensor([7, 8]) + share.rank
    return share.first(own).tolist(), own.tolist()


def test_tokens_are_the_first_ones_where_another_draws_others(two: Processes) -> None:
    """Else one would end before the others, which wait for it."""
    assert two.together(drawn) == [([7, 8], [7, 8]), ([7, 8], [8, 9])]
    assert drawn(ALONE)[0] == [7, 8]

"""The same on a GPU as on the CPU, where there is one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hitl.config.session import SessionConfig
from hitl.learn import ppo
from hitl.learn.engine import LocalEngine
from hitl.learn.evaluate import Evaluated, evaluate_rows
from hitl.learn.policy import LanguageModel
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.records import LabelledGroup

from .families import prompt_of, save_family
from .test_families import CONFIG, engine_of, judged

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

NAMES = ["gpt2-bpe", "gpt2-bert", "llama-untied", "qwen2-tied"]


def on(device: str, config: SessionConfig = CONFIG) -> SessionConfig:
    return dataclasses.replace(config, device=device)


def logp(engine: LocalEngine, batch: list[LabelledGroup]) -> torch.Tensor:
    """(N,) of all completion tokens under the engine's policy, on the CPU."""
    rows = [
        engine._logprobs(g.group.prompt_ids, c.token_ids)
        for g in batch
        for c in g.group.completions
    ]
    return torch.tensor([x for row in rows for x in row])


def vector(engine: LocalEngine) -> torch.Tensor:
    return torch.cat([p.detach().cpu().flatten() for p in engine._policy.trained().values()])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["human", "trl-classic"])
@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_one_update_is_the_same(name: str, preset: str, lora: bool, tmp_path: Path) -> None:
    folder = save_family(name, tmp_path / "base")
    config = dataclasses.replace(CONFIG, preset=preset, lora=lora, lr=1e-3)
    cpu, gpu = engine_of(folder, on("cpu", config)), engine_of(folder, on("cuda", config))
    batch = judged(cpu, prompt_of(name))
    before = logp(cpu, batch)
    assert torch.allclose(logp(gpu, batch), before, atol=1e-4)
    start = vector(cpu)
    ours, theirs = gpu.update(1, batch), cpu.update(1, batch)
    change = logp(cpu, batch) - before
    assert change.abs().max() > 1e-2
    assert torch.allclose(logp(gpu, batch), logp(cpu, batch), atol=1e-4 * (1 + change.abs().max()))
    moved = (vector(cpu) - start).norm()
    # Adam turns a gradient near zero, which is rounding noise, into a whole step: a few weights.
    assert (vector(gpu) - vector(cpu)).norm() < 1e-2 * moved
    for figure in ("sequence_kl", "policy_loss", "value_loss", "entropy", "step_kl"):
        assert getattr(ours, figure) == pytest.approx(getattr(theirs, figure), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_sampling_is_repeated_and_learned_from_in_bf16(name: str, tmp_path: Path) -> None:
    folder = save_family(name, tmp_path / "base")
    config = on("cuda", dataclasses.replace(CONFIG, dtype="bf16", lr=3e-3))
    engine = engine_of(folder, config)
    batch = judged(engine, prompt_of(name))
    assert judged(engine_of(folder, config), prompt_of(name)) == batch
    then = torch.tensor([x for g in batch for c in g.group.completions for x in c.logprobs])
    assert (logp(engine, batch) - then).abs().mean() < 0.02
    stats = engine.update(1, batch)
    assert stats.epochs >= 1 and 0 < stats.step_kl <= 0.1
    assert {p.dtype for p in engine._policy.parameters()} == {torch.float32}


def test_out_of_memory_gives_the_same_in_smaller_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_family("gpt2-bpe", tmp_path / "base")
    whole = engine_of(folder, on("cuda"))
    batch = judged(whole, prompt_of("gpt2-bpe"))
    want = whole.update(1, batch)

    def scarce(policy: LanguageModel, rollout: Rollout, index: Tensor, how: Sampling) -> Evaluated:
        if torch.is_grad_enabled() and len(index) > 3:
            torch.empty(1 << 50, device="cuda")  # a real one
        return evaluate_rows(policy, rollout, index, how)

    monkeypatch.setattr(ppo, "evaluate_rows", scarce)
    pieces = engine_of(folder, on("cuda"))
    got = pieces.update(1, batch)
    assert got.policy_loss == pytest.approx(want.policy_loss, rel=1e-3)
    assert (logp(pieces, batch) - logp(whole, batch)).abs().max() < 1e-3


def test_a_checkpoint_of_the_gpu_goes_on_on_the_cpu(tmp_path: Path) -> None:
    folder = save_family("qwen2-tied", tmp_path / "base")
    gpu = engine_of(folder, on("cuda"))
    batch = judged(gpu, prompt_of("qwen2-tied"))
    gpu.update(1, batch)
    gpu.save(tmp_path / "saved")
    for device in ("cpu", "cuda"):
        other = engine_of(folder, on(device))
        assert other.load(tmp_path / "saved") == 1
        assert other.digest() == gpu.digest()
        assert other.update(2, batch).labels == 8

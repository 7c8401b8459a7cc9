"""bf16 products over fp32 weights: the same direction, the same bits after a resume."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hitl.learn.build import LARGE, compute_dtype
from hitl.learn.evaluate import evaluate
from hitl.learn.policy import Policy
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling

from .conftest import tiny_policy
from .families import prompt_of, save_family
from .test_families import CONFIG, CPU, engine_of, judged, recomputed
from .test_step import SLOW, groups_of, step, weights

BF16 = dataclasses.replace(CONFIG, dtype="bf16")


@pytest.mark.parametrize(
    ("name", "device", "parameters", "supported", "want"),
    [
        ("auto", "cpu", 10 * LARGE, True, torch.float32),
        ("auto", "cuda", LARGE - 1, True, torch.float32),
        ("auto", "cuda", LARGE, True, torch.bfloat16),
        ("auto", "cuda", LARGE, False, torch.float32),
        ("fp32", "cuda", LARGE, True, torch.float32),
        ("bf16", "cpu", 1, False, torch.bfloat16),
        ("bf16", "cuda", 1, True, torch.bfloat16),
    ],
)
def test_auto_is_fp32_but_for_large_policies_on_a_gpu_that_has_bf16(
    name: str, device: str, parameters: int, supported: bool, want: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: supported)
    assert compute_dtype(name, torch.device(device), parameters) is want


@pytest.mark.parametrize("native", [True, False])
def test_a_processor_without_bf16_is_told_of(
    tmp_path: Path, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    save_family("gpt2-bpe", tmp_path)
    told: list[str] = []
    engine_of(tmp_path, BF16, told)
    assert ["this processor has no bf16" in text for text in told] == ([] if native else [True])
    told.clear()
    engine_of(tmp_path, CONFIG, told)
    assert not told


def moved(compute: torch.dtype) -> torch.Tensor:
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 2.0, 1.0, 4.0, 3.0, 3.0, 2.0, 5.0])
    policy = Policy(policy.model, 0, compute)
    before = weights(policy)
    step(policy, batch, dataclasses.replace(SLOW, lr=0.05), sgd=True)
    assert weights(policy).dtype == torch.float32
    return weights(policy) - before


def test_the_update_goes_the_way_of_the_fp32_one() -> None:
    want, got = moved(torch.float32), moved(torch.bfloat16)
    assert want.norm() > 1e-3
    assert torch.nn.functional.cosine_similarity(want, got, dim=0) > 0.98
    assert got.norm() / want.norm() == pytest.approx(1, abs=0.1)
    assert not torch.equal(want, got)


def test_losses_are_made_of_fp32() -> None:
    policy = Policy(tiny_policy().model, 0, torch.bfloat16)
    rollout = rollout_of(groups_of(tiny_policy(), [5.0, 1.0]), 1, CPU)
    got = evaluate(policy, rollout, Sampling(8))
    assert {
        t.dtype for t in (got.logp, got.values, got.entropy, got.reading.log_p(Sampling(8)))
    } == {torch.float32}
    assert got.reading.log_p(Sampling(8)).exp().sum(-1)[rollout.mask].sub(1).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["gpt2-bert", "qwen2-tied"])
def test_sampled_log_probabilities_are_nearly_the_recomputed(name: str, tmp_path: Path) -> None:
    """The same precision both times, but products of other shapes: bf16's 8 bits differ."""
    folder = save_family(name, tmp_path / "base")
    engine = engine_of(folder, BF16)
    batch = judged(engine, prompt_of(name))
    now, then, mask = recomputed(engine, batch)
    off = (now - then)[mask].abs()
    exact, _, _ = recomputed(engine_of(folder), batch)
    assert 1e-6 < (exact - then)[mask].abs().max() < 0.2  # bf16 was in use
    assert off.mean() < 0.02 and off.max() < 0.15


@pytest.mark.parametrize("lora", [False, True])
def test_what_was_saved_goes_on_bit_for_bit(lora: bool, tmp_path: Path) -> None:
    config = dataclasses.replace(BF16, lora=lora)
    folder = save_family("llama-untied", tmp_path / "base")
    one = engine_of(folder, config)
    one.update(1, judged(one, "the film was"))
    one.save(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "policy" / "model.safetensors")
    assert {t.dtype for t in saved.values()} == {torch.float32}
    other = engine_of(folder, config)
    other.load(tmp_path / "saved")
    batch = judged(one, "the film was", (3, 4))
    assert judged(other, "the film was", (3, 4)) == batch
    assert other.update(2, batch).digest == one.update(2, batch).digest

"""Adapters: a small part learns, the base is its own reference, what is saved is a plain model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.learn.engine import LocalEngine
from hitl.learn.evaluate import evaluate_all
from hitl.learn.rollout import rollout_of

from .families import prompt_of, save_family
from .test_families import CONFIG, CPU, engine_of, judged, recomputed

LORA = dataclasses.replace(CONFIG, lora=True, lora_rank=4, lr=3e-3)
NAMES = ["gpt2-bpe", "gpt2-bert", "llama-untied", "qwen2-tied"]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    return save_family(name, tmp_path / "base")


def frozen(engine: LocalEngine) -> dict[str, torch.Tensor]:
    return {
        n: p.detach().clone() for n, p in engine._policy.named_parameters() if not p.requires_grad
    }


def ref_logp(engine: LocalEngine, batch: list) -> torch.Tensor:
    rollout = rollout_of(batch, engine._codec.pad_id, CPU)
    return evaluate_all(engine._reference, rollout, engine._how, 3).logp


def test_adapters_change_nothing_until_they_learn(name: str, folder: Path) -> None:
    plain, engine = engine_of(folder), engine_of(folder, LORA)
    batch = judged(plain, prompt_of(name))
    now, then, mask = recomputed(engine, batch)
    assert (now - then)[mask].abs().max() < 1e-5
    assert [g.group.completions[0].token_ids for g in judged(engine, prompt_of(name))] == [
        g.group.completions[0].token_ids for g in batch
    ]


def test_only_adapters_and_value_head_learn_and_the_reference_stays(
    name: str, folder: Path
) -> None:
    engine = engine_of(folder, LORA)
    trained = engine._policy.trained()
    assert all(".lora_" in n or n.startswith("value_head.") for n in trained)
    assert len(trained) > 8
    batch = judged(engine, prompt_of(name))
    base, reference = frozen(engine), ref_logp(engine, batch)
    digest = engine.digest()
    engine.update(1, batch)
    now, then, mask = recomputed(engine, batch)
    change = torch.where(mask, now - then, 0.0).sum(1).view(-1, 4)
    assert (change[:, 0] + change[:, 2]).mean() > 0.05
    assert (change[:, 1] + change[:, 3]).mean() < -0.05
    assert all(torch.equal(p, base[n]) for n, p in frozen(engine).items())
    assert torch.equal(ref_logp(engine, batch), reference)
    assert (now - reference)[mask].abs().max() > 0.01
    assert all(p.requires_grad for p in engine._policy.trained().values())
    assert len(engine._policy.trained()) == len(trained)
    assert engine.digest() != digest


def test_what_was_saved_goes_on_bit_for_bit_and_loads_as_it_is(
    name: str, folder: Path, tmp_path: Path
) -> None:
    one = engine_of(folder, LORA)
    one.update(1, judged(one, prompt_of(name)))
    one.save(tmp_path / "saved")
    tensors = load_file(tmp_path / "saved" / "trainer.safetensors")
    assert {n.partition(".")[0] for n in tensors} == {"adapter", "value_head", "optimizer"}
    other = engine_of(folder, LORA)
    assert other.load(tmp_path / "saved") == 1
    assert other.digest() == one.digest()
    batch = judged(one, prompt_of(name), (3, 4))
    assert judged(other, prompt_of(name), (3, 4)) == batch
    assert other.update(2, batch).digest == one.update(2, batch).digest

    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "saved" / "policy")
    base = AutoModelForCausalLM.from_pretrained(folder)
    assert {n for n, _ in plain.named_parameters()} == {n for n, _ in base.named_parameters()}
    third = engine_of(folder, LORA)
    third.load(tmp_path / "saved")
    ids = torch.tensor([batch[0].group.prompt_ids])
    with torch.no_grad():
        ours = third._policy.model(ids).logits
        assert torch.allclose(plain(ids).logits, ours, atol=1e-4)
        assert (base(ids).logits - ours).abs().max() > 1e-2


def test_the_digest_is_of_the_base_too(tmp_path: Path) -> None:
    digests = []
    for change in (0.0, 1.0):
        folder = save_family("gpt2-bpe", tmp_path / f"base{change}")
        model = AutoModelForCausalLM.from_pretrained(folder)
        with torch.no_grad():
            model.transformer.ln_f.bias.add_(change)
        model.save_pretrained(folder)
        digests.append(engine_of(folder, LORA).digest())
    assert digests[0] != digests[1]


def test_adapters_are_drawn_from_the_runs_seed_alone(tmp_path: Path) -> None:
    folder = save_family("llama-untied", tmp_path / "base")
    first = engine_of(folder, LORA).digest()
    torch.manual_seed(99)
    assert engine_of(folder, LORA).digest() == first
    assert engine_of(folder, dataclasses.replace(LORA, seed=6)).digest() != first


@pytest.mark.parametrize(
    ("targets", "count"), [("all-linear", 7 * 2), ("q_proj, v_proj", 2 * 2), ("down_proj", 1 * 2)]
)
def test_targets_are_what_was_asked_for(tmp_path: Path, targets: str, count: int) -> None:
    folder = save_family("llama-untied", tmp_path / "base")
    engine = engine_of(folder, dataclasses.replace(LORA, lora_targets=targets))
    assert sum(".lora_A." in n for n in engine._policy.trained()) == count


def test_targets_that_cannot_be_adapted_are_one_sentence(tmp_path: Path) -> None:
    folder = save_family("gpt2-bpe", tmp_path / "base")
    with pytest.raises(UsageError, match=r"no such layers.*c_attn, c_fc, c_proj"):
        engine_of(folder, dataclasses.replace(LORA, lora_targets="q_proj"))
    for targets in ("wte", "lm_head,c_attn"):
        with pytest.raises(UsageError, match="embeddings cannot be adapted"):
            engine_of(folder, dataclasses.replace(LORA, lora_targets=targets))
    with pytest.raises(UsageError, match="--lora-rank 0 is too small"):
        SessionConfig(lora_rank=0)


def test_adapters_have_a_learning_rate_of_their_own() -> None:
    assert SessionConfig(lora=True).ppo.lr > SessionConfig().ppo.lr
    assert SessionConfig(lora=True, lr=2e-5).ppo.lr == 2e-5

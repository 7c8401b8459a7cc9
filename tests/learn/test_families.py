"""Any causal LM: tied or untied heads, both tokenizer families, with or without positions."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hitl.config.session import SessionConfig
from hitl.learn.engine import LocalEngine
from hitl.learn.evaluate import evaluate_all
from hitl.learn.rollout import rollout_of
from hitl.learn.tokens import codec_for
from hitl.records import Completion, LabelledGroup, Mode, Prompt

from .families import CONTEXT, FAMILIES, prompt_of, save_family

CONFIG = SessionConfig(group_size=4, max_new_tokens=10, seed=5, lang="en")
CPU = torch.device("cpu")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(family: str, tmp_path: Path) -> Path:
    return save_family(family, tmp_path / "base")


def engine_of(
    folder: Path, config: SessionConfig = CONFIG, notices: list[str] | None = None
) -> LocalEngine:
    told = notices if notices is not None else []
    return LocalEngine(folder, config, lambda *at: None, told.append)


def judged(
    engine: LocalEngine, prompt: str, numbers: tuple[int, ...] = (1, 2)
) -> list[LabelledGroup]:
    groups = engine.sample([Prompt(prompt, n) for n in numbers], 4, 5)
    return [LabelledGroup(g, (5.0, 1.0, 4.0, 2.0), "op", Mode.SCORE) for g in groups]


def recomputed(engine: LocalEngine, batch: list[LabelledGroup]) -> tuple[torch.Tensor, ...]:
    rollout = rollout_of(batch, engine._codec.pad_id, CPU)
    logp = evaluate_all(engine._policy, rollout, engine._how, 3).logp
    return logp, rollout.old_logp, rollout.mask


def test_sampled_log_probabilities_are_the_recomputed_and_the_bare_models(
    family: str, folder: Path
) -> None:
    engine = engine_of(folder)
    batch = judged(engine, prompt_of(family)) + judged(engine, prompt_of(family) * 2, (3,))
    now, then, mask = recomputed(engine, batch)
    assert mask.sum() > 40
    assert (now - then)[mask].abs().max() < 1e-5

    bare = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    group = batch[0].group
    for completion in group.completions:
        ids = torch.tensor([[*group.prompt_ids, *completion.token_ids]])
        with torch.no_grad():
            log_p = bare(ids).logits[0].log_softmax(-1)
        own = log_p[len(group.prompt_ids) - 1 :].gather(-1, ids[0, len(group.prompt_ids) :, None])[
            :, 0
        ]
        assert torch.allclose(own, torch.tensor(completion.logprobs), atol=1e-5)


def test_prompts_of_several_lengths_are_sampled_side_by_side(family: str, folder: Path) -> None:
    engine, text = engine_of(folder), prompt_of(family)
    prompts = [Prompt(words, n) for n, words in enumerate((text, text * 2, text[:1]), 1)]
    groups = engine.sample(prompts, 4, 5)
    assert len({len(group.prompt_ids) for group in groups}) == 3
    batch = [LabelledGroup(group, (1.0,) * 4, "op", Mode.SCORE) for group in groups]
    now, then, mask = recomputed(engine, batch)
    assert (now - then)[mask].abs().max() < 2e-5
    alone = [engine.sample([prompt], 4, 5)[0] for prompt in prompts]
    for one, other in zip(groups, alone, strict=True):
        assert [c.token_ids for c in one.completions] == [c.token_ids for c in other.completions]


def test_an_update_raises_the_good_and_lowers_the_bad(family: str, folder: Path) -> None:
    engine = engine_of(folder, dataclasses.replace(CONFIG, lr=3e-3))
    batch = judged(engine, prompt_of(family))
    engine.update(1, batch)
    now, then, mask = recomputed(engine, batch)
    change = torch.where(mask, now - then, 0.0).sum(1).view(-1, 4)
    assert (change[:, 0] + change[:, 2]).mean() > 0.1
    assert (change[:, 1] + change[:, 3]).mean() < -0.1


def test_what_was_saved_goes_on_bit_for_bit_and_loads_as_it_is(
    family: str, folder: Path, tmp_path: Path
) -> None:
    one = engine_of(folder)
    one.update(1, judged(one, prompt_of(family)))
    assert one.save(tmp_path / "saved").problem(tmp_path / "saved") is None
    other = engine_of(folder)
    assert other.load(tmp_path / "saved") == 1
    assert other.digest() == one.digest()
    batch = judged(one, prompt_of(family), (3, 4))
    assert judged(other, prompt_of(family), (3, 4)) == batch
    assert other.update(2, batch).digest == one.update(2, batch).digest

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "saved" / "policy")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved" / "policy")
    assert codec_for(tokenizer, model.config).context == CONTEXT
    third = engine_of(folder)
    third.load(tmp_path / "saved")
    own = dict(third._policy.model.named_parameters())
    assert all(torch.equal(p, own[name]) for name, p in model.named_parameters())


@pytest.mark.parametrize("name", ["gpt2-bpe", "llama-untied"])
def test_a_policy_saved_in_shards_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    one = engine_of(save_family(name, tmp_path / "base"))
    one.update(1, judged(one, prompt_of(name)))
    one.save(tmp_path / "saved")
    policy = tmp_path / "saved" / "policy"
    (policy / "model.safetensors").unlink()
    one._policy.model.save_pretrained(policy, max_shard_size="10KB")
    assert len(list(policy.glob("model-*.safetensors"))) > 2
    other = engine_of(tmp_path / "base")
    other.load(tmp_path / "saved")
    assert other.digest() == one.digest()


def test_a_saved_policy_that_lacks_a_tensor_is_not_loaded(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    one = engine_of(save_family("llama-untied", tmp_path / "base"))
    one.update(1, judged(one, "the film was"))
    one.save(tmp_path / "saved")
    file = tmp_path / "saved" / "policy" / "model.safetensors"
    tensors = load_file(file)
    del tensors["lm_head.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"policy/ lacks lm_head\.weight"):
        engine_of(tmp_path / "base").load(tmp_path / "saved")


def test_an_empty_prompt_is_sampled_and_learned_from(family: str, folder: Path) -> None:
    notices: list[str] = []
    engine = engine_of(folder, notices=notices)
    batch = judged(engine, "")
    assert len(batch[0].group.prompt_ids) == 1
    now, then, mask = recomputed(engine, batch)
    assert (now - then)[mask].abs().max() < 1e-5
    assert engine.update(1, batch).labels == 8
    assert notices == []


def test_a_prompt_longer_than_the_context_is_cut_from_the_left_and_that_is_said(
    family: str, folder: Path
) -> None:
    notices: list[str] = []
    engine = engine_of(folder, notices=notices)
    text = prompt_of(family) * 30
    batch = judged(engine, text) + judged(engine, text, (3,))
    whole = engine._codec.tokenizer.encode(text, add_special_tokens=False)
    assert len(batch[0].group.prompt_ids) == CONTEXT - 10
    body = batch[0].group.prompt_ids[1:]
    assert list(body) == whole[-len(body) :]
    now, then, mask = recomputed(engine, batch)
    assert (now - then)[mask].abs().max() < 1e-5
    assert engine.update(1, batch).labels == 12
    [notice] = notices  # once a text, however often it is sampled
    kept = len(batch[0].group.prompt_ids) - (1 if engine._codec.is_bert else 0)  # all but [CLS]
    left_out = len(whole) - kept
    assert f"prompt 1 is too long for the policy: its first {left_out} tokens" in notice


def test_a_response_of_length_0_takes_part_in_nothing(family: str, folder: Path) -> None:
    one, other = engine_of(folder), engine_of(folder)
    [group] = judged(one, prompt_of(family), (1,))
    nothing = Completion("", (), (), finished=False)
    completions = (*group.group.completions[:3], nothing)
    with_empty = dataclasses.replace(
        group, group=dataclasses.replace(group.group, completions=completions)
    )
    without = dataclasses.replace(
        group, group=dataclasses.replace(group.group, completions=completions[:3]),
        rewards=group.rewards[:3],
    )  # fmt: skip
    got, want = one.update(1, [with_empty]), other.update(1, [without])
    assert got.labels == want.labels == 3
    assert got.digest == want.digest
    alone = dataclasses.replace(with_empty, rewards=(math.nan, math.nan, math.nan, 5.0))
    assert one.update(2, [alone]).labels == 0

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.evaluate import evaluate_all
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling, draw, sample_groups, shortened, warp
from hitl.learn.tokens import Codec
from hitl.records import Group, LabelledGroup, Mode, Prompt

from .conftest import VOCABULARY, tiny_policy


class Numbers:
    """A tokenizer whose text is the ids themselves; 0 begins, 1 ends."""

    cls_token_id = sep_token_id = None
    bos_token_id = 0

    def encode(self, text: str) -> list[int]:
        return [int(word) for word in text.split()]

    def decode(self, ids: list[int], **_: object) -> str:
        return " ".join(str(i) for i in ids if i > 1)


CODEC = Codec(Numbers(), eos_id=1, pad_id=1, context=48)


def sample(prompt: Prompt, how: Sampling, k: int = 4, seed: int = 3) -> Group:
    [group] = together([prompt], how, k, seed)
    return group


def together(prompts: list[Prompt], how: Sampling, k: int = 4, seed: int = 3) -> list[Group]:
    return sample_groups(tiny_policy().model, CODEC, prompts, k, how, seed, 0, lambda step: None)


@pytest.mark.parametrize(
    "how",
    [Sampling(12), Sampling(12, temperature=0.7), Sampling(12, top_k=5), Sampling(12, top_p=0.6)],
    ids=["plain", "temperature", "top-k", "top-p"],
)
def test_recorded_log_probabilities_are_those_the_update_computes(how: Sampling) -> None:
    groups = [sample(Prompt("5 6 7", 1), how), sample(Prompt("2 3 4 5 6 7 8", 2), how)]
    batch = [LabelledGroup(g, (1.0,) * 4, "op", Mode.SCORE) for g in groups]
    rollout = rollout_of(batch, 1, torch.device("cpu"))
    logp = evaluate_all(tiny_policy(), rollout, how, micro=3).logp
    assert rollout.mask.sum() > 20
    assert torch.allclose(logp[rollout.mask], rollout.old_logp[rollout.mask], atol=1e-5)


def test_a_group_does_not_depend_on_what_was_sampled_before_it() -> None:
    how = Sampling(12)
    alone = sample(Prompt("5 6", 7), how)
    sample(Prompt("9 9 9", 6), how)
    assert sample(Prompt("5 6", 7), how) == alone
    assert sample(Prompt("5 6", 8), how).completions != alone.completions
    assert sample(Prompt("5 6", 7, attempt=1), how).completions != alone.completions
    assert sample(Prompt("5 6", 7), how, seed=4).completions != alone.completions


@pytest.mark.parametrize("texts", [["5 6 7", "9 8 7"], ["5", "9 8 7 6 5", "2 3"]])
def test_prompts_side_by_side_are_sampled_as_each_alone(texts: list[str]) -> None:
    """Of one length, and of several: then the shorter are padded."""
    prompts = [Prompt(text, number) for number, text in enumerate(texts, 1)]
    how = Sampling(12, lengths=(4, 12))
    for got, prompt in zip(together(prompts, how), prompts, strict=True):
        alone = sample(prompt, how)
        assert (got.prompt, got.prompt_ids) == (alone.prompt, alone.prompt_ids)
        for one, other in zip(got.completions, alone.completions, strict=True):
            assert one.token_ids == other.token_ids and one.finished == other.finished
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_a_completion_ends_with_its_end_token() -> None:
    completions = [c for n in range(1, 9) for c in sample(Prompt("5", n), Sampling(30)).completions]
    ended = [c for c in completions if c.finished]
    assert 3 < len(ended) < len(completions)
    for c in ended:
        assert c.token_ids[-1] == 1 and 1 not in c.token_ids[:-1]
        assert len(c.logprobs) == len(c.token_ids) < 31
    assert all(len(c.token_ids) == 30 for c in completions if not c.finished)


def test_a_prompt_longer_than_the_context_is_cut_from_the_left() -> None:
    group = sample(Prompt(" ".join(["4"] * 60 + ["9"]), 1), Sampling(12))
    assert len(group.prompt_ids) == 48 - 12
    assert group.prompt_ids[-1] == 9


def test_an_empty_prompt_is_the_begin_token() -> None:
    assert sample(Prompt("", 1), Sampling(4)).prompt_ids == (0,)


@given(st.floats(0, 1, exclude_max=True), st.integers(0, VOCABULARY - 1))
def test_a_token_without_probability_is_never_drawn(u: float, forbidden: int) -> None:
    log_p = torch.full((1, VOCABULARY), 0.0)
    log_p[0, forbidden] = -torch.inf
    token = int(draw(log_p.log_softmax(-1), torch.tensor([u], dtype=torch.float64)))
    assert token != forbidden


def test_draws_follow_the_distribution() -> None:
    p = torch.tensor([0.1, 0.0, 0.6, 0.3])
    u = torch.linspace(0, 1, 10_001, dtype=torch.float64)[:-1]
    counts = torch.bincount(draw(p.log().expand(10_000, 4), u), minlength=4) / 10_000
    assert torch.allclose(counts, p, atol=2e-4)


def test_warp_keeps_the_most_likely_and_the_named_token() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    assert warp(logits, Sampling(1, top_k=2)).isinf().tolist() == [[False, False, True, True]]
    nucleus = warp(logits, Sampling(1, top_p=0.7)).isinf().tolist()
    assert nucleus == [[False, False, True, True]]  # .64, then .24 passes .7
    kept = warp(logits, Sampling(1, top_k=2), keep=torch.tensor([3]))
    assert kept.isinf().tolist() == [[False, False, True, False]]
    assert torch.equal(warp(logits, Sampling(1)), logits)
    assert torch.equal(warp(logits, dataclasses.replace(Sampling(1), temperature=2.0)), logits / 2)


def test_completions_are_cut_at_random_lengths_and_their_tokens_stay_the_same() -> None:
    whole = sample(Prompt("5 6", 1), Sampling(9), k=64)
    cut = sample(Prompt("5 6", 1), Sampling(9, lengths=(3, 7)), k=64)
    lengths = [len(c.token_ids) for c in cut.completions]
    assert set(lengths) <= set(range(1, 8)) and {3, 4, 5, 6, 7} <= set(lengths)
    for short, long in zip(cut.completions, whole.completions, strict=True):
        n = len(short.token_ids)
        assert short.token_ids == long.token_ids[:n] and short.finished == (1 in short.token_ids)
        assert short.logprobs == pytest.approx(long.logprobs[:n], abs=1e-5)
        assert n >= 3 or short.finished
    assert cut == sample(Prompt("5 6", 1), Sampling(9, lengths=(3, 7)), k=64)


def test_of_a_query_a_random_number_of_first_tokens_is_left() -> None:
    text = " ".join(str(n) for n in range(2, 22))
    found = [shortened(CODEC, Prompt(text, number), (2, 8), 3) for number in range(1, 200)]
    words = [one.text.split() for one in found]
    assert {len(one) for one in words} == {2, 3, 4, 5, 6, 7, 8}
    assert all(text.startswith(one.text) for one in found)
    assert [one.number for one in found] == list(range(1, 200))
    again = shortened(CODEC, found[4], (2, 8), 3)
    assert again == found[4]  # one that is sampled once more is not cut once more
    assert shortened(CODEC, Prompt("5 6", 1), (4, 8), 3).text == "5 6"

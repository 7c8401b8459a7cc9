"""A policy small enough to be taught in milliseconds, and groups to teach it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from hitl.config.session import SessionConfig
from hitl.learn.build import Built, build
from hitl.learn.policy import Policy
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE
from hitl.records import Completion, Group, LabelledGroup, Mode, Prompt
from hitl.shipped import shipped

VOCABULARY = 29


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def plain_sampling() -> Sampling:
    return Sampling(max_new_tokens=8)


def tiny_policy(seed: int = 0) -> Policy:
    """GPT-2 of 2 layers × 16 with dropout configured: it must have no effect."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=48, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=1, initializer_range=0.2,
    )  # fmt: skip
    return Policy(GPT2LMHeadModel(config), seed)


def taught_adapters() -> Built:
    """tiny-en with adapters that are not what they began as, and the same without them as its
    reference."""
    source = shipped("checkpoints", "tiny-en")
    assert source is not None
    config = SessionConfig(lang="en", lora=True)
    made = build(source, config, torch.device("cpu"), ALONE, lambda *at: None)
    with torch.no_grad():
        for name, parameter in made.policy.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    return made


@torch.no_grad()
def logprobs(policy: Policy, prompt: Sequence[int], tokens: Sequence[int]) -> list[float]:
    """Of each completion token, by one unpadded forward pass of the bare model."""
    ids = torch.tensor([[*prompt, *tokens]])
    log_p = policy.model(ids).logits[0].log_softmax(-1)
    return [float(log_p[len(prompt) - 1 + i, t]) for i, t in enumerate(tokens)]


def completion(policy: Policy, prompt: Sequence[int], tokens: Sequence[int]) -> Completion:
    return Completion(" ".join(map(str, tokens)), tuple(tokens),
                      tuple(logprobs(policy, prompt, tokens)), finished=False)  # fmt: skip


def group(
    policy: Policy,
    completions: Sequence[Sequence[int]],
    rewards: Sequence[float],
    prompt: Sequence[int] = (0, 5, 6),
    mode: Mode = Mode.SCORE,
) -> LabelledGroup:
    """A group as if `policy` had sampled it, with its rewards."""
    sampled = Group(
        Prompt("p", 1), tuple(prompt), tuple(completion(policy, prompt, c) for c in completions), 0
    )
    return LabelledGroup(sampled, tuple(rewards), "op", mode)

"""What the passes of an update keep in memory for a policy of any size, beside its weights.

    python benchmarks/memory.py [--rows 16] [--prompt 18] [--completion 32] [--vocabulary 32000] ...

Builds a Llama-shaped policy of fake tensors (shapes without numbers: any machine has room for 7B),
lets it go forward in bf16 as on a GPU and come to the loss as an update does, and adds up what
autograd keeps for the way back, each storage once. Prints gigabytes: of bf16 copies of weights,
and of all else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import torch
import tyro
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import LlamaConfig, LlamaForCausalLM

import hitl.learn.policy
from hitl.learn import losses
from hitl.learn.evaluate import evaluate
from hitl.learn.kl import token_kl
from hitl.learn.lora import add_adapters
from hitl.learn.policy import Policy
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling


@dataclass(frozen=True)
class Options:
    """Sizes; the defaults are Llama-2-7B's."""

    rows: int = 16
    prompt: int = 18
    completion: int = 32
    vocabulary: int = 32_000
    hidden: int = 4096
    inner: int = 11_008
    layers: int = 32
    heads: int = 32


def main() -> None:
    options = tyro.cli(Options)
    print("| | parameters, 10⁹ | trained, 10⁶ | copies of weights, GB | all else, GB |")
    print("|---|---|---|---|---|")
    for name, lora, checkpointing in (
        ("all weights", False, False),
        ("all weights, --gradient-checkpointing", False, True),
        ("--lora", True, False),
        ("--lora --gradient-checkpointing", True, True),
    ):
        with FakeTensorMode():
            policy = fake_policy(options, lora, checkpointing)
            copies, rest = kept(policy, options)
            every = sum(p.numel() for p in policy.parameters())
            trained = sum(p.numel() for p in policy.trained().values())
        print(
            f"| {name} | {every / 1e9:.2f} | {trained / 1e6:.0f} | {copies / 1e9:.1f} "
            f"| {rest / 1e9:.1f} |",
            flush=True,
        )


def fake_policy(options: Options, lora: bool, checkpointing: bool) -> Policy:
    """Of shapes alone. With adapters as `--lora` has them."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=options.vocabulary,
            hidden_size=options.hidden,
            intermediate_size=options.inner,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
        )
    )
    if lora:
        # They are where they belong, and fake tensors cannot be moved this way.
        with mock.patch.object(nn.Module, "to", lambda module, *given, **named: module):
            add_adapters(model, 16, 32, "all-linear", torch.Generator())
    # Whether that is all there is to the logits is asked of numbers, and there are none.
    parts = model.model, model.lm_head
    with mock.patch.object(hitl.learn.policy, "backbone_of", lambda model: parts):
        policy = Policy(model, 0, torch.bfloat16)
    if checkpointing:
        policy.checkpoint_gradients()
    return policy


def kept(policy: Policy, options: Options) -> tuple[int, int]:
    """Bytes that lie in memory as the way back begins: copies of weights, and the rest."""
    own = {storage(p) for p in policy.parameters()}
    shapes = {tuple(p.shape) for p in policy.parameters() if p.dim() == 2}
    rollout = rollout_of_zeros(options)
    with saving() as saved:
        now = evaluate(policy, rollout, Sampling(options.completion))
        nothing = torch.zeros_like(rollout.old_logp)
        loss, _ = losses.policy_loss(now.logp, nothing, nothing, 0.2)
        loss = loss + token_kl(now.logp, nothing, "mse")
        loss.sum()
    copies = rest = 0
    for key, tensor in {storage(t): t for t in saved}.items():
        if key in own:
            continue
        size = tensor.untyped_storage().nbytes()
        shape = tuple(tensor.shape)
        if tensor.dtype == torch.bfloat16 and (shape in shapes or shape[::-1] in shapes):
            copies += size
        else:
            rest += size
    return copies, rest


def rollout_of_zeros(options: Options) -> Rollout:
    """Rows that are all as long as the longest."""
    rows, length = options.rows, options.prompt + options.completion
    return Rollout(
        ids=torch.zeros((rows, length), dtype=torch.long),
        lengths=torch.full((rows,), length),
        prompt_lengths=torch.full((rows,), options.prompt),
        mask=torch.ones((rows, options.completion), dtype=torch.bool),
        old_logp=torch.zeros(rows, options.completion),
        score=torch.zeros(rows),
        group=torch.zeros(rows, dtype=torch.long),
        sampled=torch.ones(rows, dtype=torch.bool),
    )


def storage(tensor: Tensor) -> int:
    """What tells one storage from another."""
    return tensor.untyped_storage()._cdata


@contextmanager
def saving() -> Iterator[list[Tensor]]:
    """What autograd keeps inside."""
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield saved


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()

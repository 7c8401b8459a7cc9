"""Low-rank adapters (Hu et al. 2021) through peft: a small part to train, the rest as it came.

Without its adapters the policy is the base model again, so it is its own reference. peft is
imported by those who ask for adapters only.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from hitl.errors import UsageError
from hitl.learn.policy import Policy
from hitl.learn.reading import Reading

NAME = "default"
"""What peft calls an adapter that was given no name."""


def add_adapters(
    model: PreTrainedModel, rank: int, alpha: int, targets: str, generator: torch.Generator
) -> None:
    """Puts adapters into `model`, in place, and freezes everything else.

    `targets` is "all-linear" (every linear layer but the head) or names of layers, comma between.
    They change nothing until they are trained: B is 0, and A is drawn from `generator`. There is
    no dropout: log-probabilities must be those of the sampling.
    Raises UsageError for targets that the model lacks, or that are its embeddings.
    """
    from peft import LoraConfig, inject_adapter_in_model

    chosen = targets if targets == "all-linear" else [t.strip() for t in targets.split(",")]
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=chosen,
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules()),
        task_type="CAUSAL_LM",
    )
    try:
        with warnings.catch_warnings():  # about embeddings, of which more below
            warnings.simplefilter("ignore")
            inject_adapter_in_model(config, model)
    except ValueError as error:
        raise UsageError(
            f"--lora-targets {targets}: the policy has no such layers to adapt; they are "
            f"{', '.join(_linear_names(model))}, or all-linear for all of these"
        ) from error
    embeddings = (model.get_input_embeddings(), _head(model))
    if any(layer in _layers(model) for layer in embeddings):
        # Tied as they often are, the merged two would not be one tensor any more.
        raise UsageError(f"--lora-targets {targets}: embeddings cannot be adapted, leave them out")
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if ".lora_A." in name:  # peft's own draw, but from a generator of the run's
                bound = 1 / math.sqrt(parameter.shape[1])
                drawn = torch.empty(parameter.shape)  # on the CPU, where the generator is
                parameter.copy_(drawn.uniform_(-bound, bound, generator=generator))


def adapters(policy: Policy) -> dict[str, nn.Parameter]:
    """The adapters' parameters by their names in `policy`; none without adapters."""
    return {name: p for name, p in policy.trained().items() if ".lora_" in name}


class WithoutAdapters:
    """A policy as it was before it learned: the reference that takes no memory of its own."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._layers = _layers(policy.model)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._policy.device

    def read(self, ids: Tensor, attention_mask: Tensor, columns: Tensor) -> tuple[Reading, Tensor]:
        """See Policy.read."""
        with self._off():
            return self._policy.read(ids, attention_mask, columns)

    @contextlib.contextmanager
    def writing(self) -> Iterator[PreTrainedModel]:
        """See LanguageModel."""
        with self._off(), self._policy.writing() as model:
            yield model

    def origin(self) -> dict[str, Tensor]:
        """See LanguageModel: adapters change nothing when B is 0, whatever A is."""
        return {n: torch.zeros_like(p) for n, p in adapters(self._policy).items() if ".lora_B" in n}

    @contextlib.contextmanager
    def _off(self) -> Iterator[None]:
        for layer in self._layers:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in self._layers:
                layer.enable_adapters(True)


@torch.no_grad()
def merged(model: PreTrainedModel) -> dict[str, Tensor]:
    """The state dict of a plain model that does what `model` does with its adapters. `model`
    itself is left alone: taking the sum apart again would not give back the same bits."""
    adapted = set(_layers(model))
    deltas = {
        f"{name}.base_layer.weight": layer.get_delta_weight(NAME)
        for name, layer in model.named_modules()
        if layer in adapted
    }
    return {
        name.replace(".base_layer.", "."): value + deltas[name] if name in deltas else value
        for name, value in model.state_dict(keep_vars=True).items()
        if ".lora_" not in name
    }


def _layers(model: PreTrainedModel) -> list[Any]:
    from peft.tuners.lora import LoraLayer

    return [module for module in model.modules() if isinstance(module, LoraLayer)]


def _linear_names(model: PreTrainedModel) -> list[str]:
    head = _head(model)
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, (nn.Linear, Conv1D)) and module is not head
        }
    )


def _head(model: PreTrainedModel) -> nn.Module | None:
    head: nn.Module | None = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head

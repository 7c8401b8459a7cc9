"""The policy: a causal language model with a value head on its last hidden state."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import logging as transformers_logging

from hitl.learn.activation import fuse_activations
from hitl.learn.decoding import is_plain_gpt2
from hitl.learn.hub import located
from hitl.learn.packing import last_hidden
from hitl.learn.pieces import whole
from hitl.learn.precision import bf16_on_cpu
from hitl.learn.reading import Reading
from hitl.learn.tokens import Codec, codec_for


class LanguageModel(Protocol):
    """What can be asked for distributions and values: a policy, or its reference."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    def read(self, ids: Tensor, attention_mask: Tensor, columns: Tensor) -> tuple[Reading, Tensor]:
        """See Policy.read."""

    def writing(self) -> contextlib.AbstractContextManager[PreTrainedModel]:
        """The model to sample from, in the precision it computes in."""

    def origin(self) -> dict[str, Tensor]:
        """As a reference: where a policy's weights were before they learned, by their names in
        it; the value head, which has no say in what is written, is not among them."""


class Policy(nn.Module):
    """A causal LM and a linear value head. Always in eval mode: dropout would make the
    log-probabilities of an update differ from those the tokens were sampled with.

    The weights are fp32; with `compute` bfloat16 the model's products are made in that, and
    everything from the logits on in fp32 again.
    """

    def __init__(
        self, model: PreTrainedModel, seed: int, compute: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.model = model
        self.compute = compute
        self.checkpointed: tuple[nn.Module, ...] = ()
        hidden = model.config.get_text_config().hidden_size
        self.value_head = nn.Linear(hidden, 1)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():  # nn.Linear's own draw, but from a generator of the run's
            bound = hidden**-0.5
            self.value_head.weight.uniform_(-bound, bound, generator=generator)
            self.value_head.bias.zero_()
        self.eval()
        self._backbone = backbone_of(model)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.value_head.weight.device

    @property
    def emulated(self) -> bool:
        """Whether it computes in what its processor does not have, only imitates."""
        return self.compute is torch.bfloat16 and self.device.type == "cpu" and not bf16_on_cpu()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision the model computes in; sampling is to have the same."""
        if self.compute is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.compute)

    @contextlib.contextmanager
    def _checkpointing(self) -> Iterator[None]:
        """transformers checkpoints gradients of layers in train mode only. It is the layers alone
        that are in it here, for as long as they are called: not the dropout inside them."""
        layers = self.checkpointed if torch.is_grad_enabled() else ()
        try:
            for layer in layers:
                layer.training = True
            yield
        finally:
            for layer in layers:
                layer.training = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[PreTrainedModel]:
        """See LanguageModel."""
        with self.autocast():
            yield self.model

    def checkpoint_gradients(self) -> None:
        """From now on the way back computes again what lies between the layers, in place of
        keeping it. Raises ValueError for a model that cannot."""
        model: Any = self.model  # transformers leaves its methods without types
        new = getattr(model, "activation_checkpointing_enable", None)  # its name from 5.2x on
        (new or model.gradient_checkpointing_enable)({"use_reentrant": False})
        self.checkpointed = tuple(
            layer for layer in self.model.modules() if isinstance(layer, GradientCheckpointingLayer)
        )

    def trained(self) -> dict[str, nn.Parameter]:
        """What an update changes, by name; tied tensors once, by their first name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def origin(self) -> dict[str, Tensor]:
        """See LanguageModel."""
        return {f"model.{name}": p for name, p in self.model.named_parameters()}

    def read(self, ids: Tensor, attention_mask: Tensor, columns: Tensor) -> tuple[Reading, Tensor]:
        """Right-padded ids and mask (B, L) and columns of them (B, T) -> what tells the tokens
        that follow these, and values (B, T), fp32.

        Positions are the columns: what every family assumes by itself, and some take no other.
        """
        rows = torch.arange(len(ids), device=ids.device)[:, None]
        given = {"input_ids": ids, "attention_mask": attention_mask, "use_cache": False}
        weight: Tensor | None = None
        with self.autocast(), self._checkpointing():
            if self._backbone is None:
                output = self.model(**given, output_hidden_states=True)
                hidden = output.hidden_states[-1][rows, columns]
                states = output.logits[rows, columns]
            else:
                backbone, head = self._backbone
                weight = head.weight
                if self.device.type == "cpu" and is_plain_gpt2(self.model):
                    hidden = last_hidden(
                        self.model, ids, attention_mask, columns,
                        checkpointed=bool(self.checkpointed) and torch.is_grad_enabled(),
                    )  # fmt: skip
                else:
                    hidden = backbone(**given).last_hidden_state[rows, columns]
                states = hidden
        return Reading.of(states, weight, self.compute), self._values(hidden)

    def _values(self, hidden: Tensor) -> Tensor:
        values: Tensor = self.value_head(hidden.to(self.value_head.weight.dtype))
        return values.squeeze(-1).float()


@torch.no_grad()
def backbone_of(model: PreTrainedModel) -> tuple[nn.Module, nn.Linear] | None:
    """What makes the last hidden states of a model, and the product that makes them logits; None
    where logits are more than that product, as a few tokens tell: some families scale or bound
    them."""
    backbone, head = model.base_model, model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if backbone is model or not isinstance(head, nn.Linear) or head.bias is not None:
        return None
    ids = torch.arange(4, device=head.weight.device)[None] % head.weight.shape[0]
    output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    hidden = backbone(input_ids=ids, use_cache=False).last_hidden_state
    same = torch.equal(hidden, output.hidden_states[-1]) and torch.equal(
        head(hidden), output.logits
    )
    return (backbone, head) if same else None


@dataclass(frozen=True)
class Loaded:
    """A model folder in memory."""

    model: PreTrainedModel
    codec: Codec


def load_model(
    source: Path | str, device: torch.device, *, trust_remote_code: bool = False
) -> Loaded:
    """Loads a causal LM and its tokenizer in fp32, from safetensors only. Code that comes with it
    is run only if that is trusted.

    Raises OSError when there is nothing to load, ValueError when it is no language model.
    """
    quiet()
    source = located(source)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=trust_remote_code,
    )
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    fuse_activations(model)
    model.to(device)  # type: ignore[arg-type]  # transformers' wrapper hides Module.to
    model.train(False)
    return Loaded(model, codec_for(tokenizer, model.config))


def quiet() -> None:
    """No progress bars and no advice in the middle of the operator's screen."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 over names and bytes of the tensors, in the order of their names. One is whole at a
    time."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        sha.update(name.encode())
        value = whole(tensor.detach()).cpu()
        sha.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()

"""The policy: a causal language model with a value head on its last hidden state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from hitl.learn.hub import located
from hitl.learn.tokens import Codec, codec_for


class Policy(nn.Module):
    """A causal LM and a linear value head. Always in eval mode: dropout would make the
    log-probabilities of an update differ from those the tokens were sampled with."""

    def __init__(self, model: PreTrainedModel, seed: int) -> None:
        super().__init__()
        self.model = model
        hidden = model.config.get_text_config().hidden_size
        self.value_head = nn.Linear(hidden, 1)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():  # nn.Linear's own draw, but from a generator of the run's
            bound = hidden**-0.5
            self.value_head.weight.uniform_(-bound, bound, generator=generator)
            self.value_head.bias.zero_()
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.value_head.weight.device

    def forward(self, ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Right-padded ids and mask (B, L) -> logits (B, L, V) and values (B, L), both fp32.

        Positions are the columns: what every family assumes by itself, and some take no other.
        """
        output = self.model(
            input_ids=ids,
            attention_mask=attention_mask,
            output_hidden_states=True,
            use_cache=False,
        )
        hidden = output.hidden_states[-1].to(self.value_head.weight.dtype)
        return output.logits.float(), self.value_head(hidden).squeeze(-1).float()


@dataclass(frozen=True)
class Loaded:
    """A model folder in memory."""

    model: PreTrainedModel
    codec: Codec


def load_model(source: Path | str, device: torch.device) -> Loaded:
    """Loads a causal LM and its tokenizer in fp32, from safetensors only.

    Raises OSError when there is nothing to load, ValueError when it is no language model.
    """
    quiet()
    source = located(source)
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    model.to(device)  # type: ignore[arg-type]  # transformers' wrapper hides Module.to
    model.train(False)
    return Loaded(model, codec_for(tokenizer, model.config))


def quiet() -> None:
    """No progress bars and no advice in the middle of the operator's screen."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def named_weights(policy: Policy) -> dict[str, Tensor]:
    """Every trained tensor once (tied ones by their first name), sorted by name."""
    return dict(sorted(policy.named_parameters()))


def digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 over names and bytes of the tensors, in the order of their names."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        sha.update(name.encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()

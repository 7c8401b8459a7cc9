"""Layers that tell what a sentence encoder tells.

A small policy that has read one corpus knows how its sentences go on and little of what they say.
The reward model of --amplify reads the layers, and so can learn little from a few labels. Beside
the next token the policy may therefore learn that what an encoder finds alike is alike in its own
layers: linear centred kernel alignment (Kornblith et al. 2019, "Similarity of Neural Network
Representations Revisited", section 3), as a loss.

Shapes: B texts of T tokens, W windows of them, C the policy's width, E the encoder's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from hitl.learn.features import DEPTHS, at_depth
from hitl.learn.hub import loading, located
from hitl.learn.scratch import Report, Row, ScratchTrainer, autocast
from hitl.learn.tokens import Codec

WEIGHT = 6.0
"""Of the loss, beside the next token's."""

DEPTH = 2 / 3
"""Share of the encoder's layers after which it is read. The last ones tell less of how a text
feels."""

PROMPT = (1, 5)
"""Fewest and most tokens before a window, as a prompt would be."""

LENGTH = (8, 28)
"""And in it, as in a completion."""

SHORTEST = 4
"""Fewest in it where the text ends early."""

FURTHEST = 1 + PROMPT[1] + LENGTH[1]
"""No window reaches beyond so many tokens, the start token among them."""

PER_TEXT = 2

TOGETHER = 64
"""Texts that the encoder reads at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """A text cut short, and what the encoder makes of it."""

    first: int
    """The first token that the policy's states are averaged over, as it averages a completion's."""
    end: int
    """And the first that is no more in the cut text."""
    said: Tensor
    """(E,)"""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen model of BERT's kind that was made to say what sentences are about."""

    model: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """On the CPU. Raises HitlError where none can be loaded from there, or it does not read
        texts as one does (a GPT-2 has no padding token, a T5 wants a text to write)."""
        with loading("encoder", folder, "give --encoder the folder of a sentence encoder"):
            place = located(folder)
            tokenizer = AutoTokenizer.from_pretrained(place)
            model = AutoModel.from_pretrained(place, dtype=torch.float32, use_safetensors=True)
            encoder = cls(model.train(False), tokenizer)
            encoder(["one text", "and another, which is longer"])
        return encoder

    @torch.no_grad()
    def __call__(self, texts: Sequence[str], report: Report | None = None) -> Tensor:
        """(len(texts), E) its states at `DEPTH`, averaged over a text's tokens."""
        # Texts of like length together: little is computed for padding.
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        said = torch.zeros(len(texts), self.model.config.hidden_size)
        for at in range(0, len(order), TOGETHER):
            index = order[at : at + TOGETHER]
            batch = self.tokenizer(
                [texts[n] for n in index], padding=True, truncation=True, max_length=128,
                return_tensors="pt",
            )  # fmt: skip
            with autocast(self.model.device):
                states = self.model(**batch, output_hidden_states=True).hidden_states
            mask = batch["attention_mask"]
            weight = mask / mask.sum(1, keepdim=True).clamp_min(1)
            said[index] = (at_depth(states, DEPTH).float() * weight[..., None]).sum(1)
            if report is not None and at % (100 * TOGETHER) == 0:
                report(f"encoder: {at} of {len(order)} texts")
        return said


def with_windows(
    rows: Sequence[Row],
    codec: Codec,
    encoder: Encoder,
    seed: int,
    report: Report | None = None,
) -> list[Row]:
    """`rows` with up to `PER_TEXT` windows each, drawn by `seed`. `codec` is the policy's."""
    chance = random.Random(seed)
    cuts = [_cuts(len(row["input_ids"]), chance) for row in rows]
    texts = [
        codec.decode(row["input_ids"][:end]).rstrip("\ufffd")  # half a character
        for row, of_row in zip(rows, cuts, strict=True)
        for _, end in of_row
    ]
    said = iter(encoder(texts, report))
    return [
        row | {"windows": [Window(first, end, next(said)) for first, end in of_row]}
        for row, of_row in zip(rows, cuts, strict=True)
    ]


def _cuts(length: int, chance: random.Random) -> list[tuple[int, int]]:
    """First token and end of the windows of a text of `length` tokens, the start token one of
    them."""
    cuts = set()
    for _ in range(PER_TEXT):
        first = 1 + chance.randint(*PROMPT)
        end = min(length, first + chance.randint(*LENGTH))
        if end - first >= SHORTEST:
            cuts.add((first, end))
    return sorted(cuts)


def windows_of(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Their `windows` (W, 3), in each a row, the first token and the end, and `said` (W, E)."""
    placed = [
        (n, window.first, window.end, window.said)
        for n, row in enumerate(rows)
        for window in row["windows"]
    ]
    return {
        "windows": torch.tensor([place[:3] for place in placed], dtype=torch.long).view(-1, 3),
        "said": torch.stack([place[3] for place in placed]) if placed else torch.zeros(0, 1),
    }


def pooled(states: Tensor, windows: Tensor) -> Tensor:
    """(W, C) means of `states` (B, T, C) over the tokens of each of the `windows` (W, 3)."""
    row, first, end = windows.unbind(1)
    sums = states.float().cumsum(1)
    return (sums[row, end - 1] - sums[row, first - 1]) / (end - first)[:, None]


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """Linear CKA of `x` (W, C) and `y` (W, E), 0..1: how alike the two find the same W texts to be
    alike. A turned or stretched `x` makes no difference. Of few texts it is high by chance."""
    with torch.autocast(x.device.type, enabled=False):
        one, other = (_gram(z) for z in (x, y))
    alike: Tensor = (one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-12)
    return alike


def _gram(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred @ centred.T


def aligned(states: Sequence[Tensor], windows: Tensor, said: Tensor) -> Tensor:
    """The mean alignment at the depths that are read for the reward model; `states` are those of
    all layers, (B, T, C) each."""
    read = [at_depth(states, depth) for depth in DEPTHS]
    found = [alignment(pooled(layer, windows), said) for layer in read]
    return torch.stack(found).mean()


class AlikeTrainer(ScratchTrainer):
    """Learns the next token, and to find alike what the encoder does."""

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        windows, said = inputs.pop("windows"), inputs.pop("said")
        if len(windows) < 2:
            return super().compute_loss(model, inputs, *args, **kwargs)
        outputs = model(**inputs, output_hidden_states=True)
        return outputs.loss + WEIGHT * (1 - aligned(outputs.hidden_states, windows, said))

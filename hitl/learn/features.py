"""What a frozen language model makes of a completion: the reward model's input.

The features are those of the reference, so they stay what they are while the policy learns, and
what the reward model learned of an old completion holds for a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from hitl.learn.decoding import only_last
from hitl.learn.policy import LanguageModel
from hitl.learn.rollout import Rollout
from hitl.learn.share import ALONE, Share

DEPTHS = (1 / 3, 2 / 3, 1.0)
"""Shares of the layers after which hidden states are read. How a text feels is told by the lower
third of the shipped policies best, but that is not known of another one's."""


@torch.no_grad()
def features(
    reference: LanguageModel,
    rollout: Rollout,
    micro: int,
    share: Share = ALONE,
    depths: Sequence[float] = DEPTHS,
) -> Tensor:
    """(B, D) fp32 on the CPU: hidden states at each depth, averaged over the completion's tokens,
    `micro` rows at a time. Depth 0 are the embeddings."""
    every = rollout.every_row
    with share.agreeing(), reference.writing() as model:
        passes = share.passes(every, micro)
        pieces = [_pooled(model, rollout, index, depths) for index in passes]
        width = len(depths) * model.config.get_text_config().hidden_size
    own = torch.cat(pieces or [torch.zeros(0, width)])
    return share.spread(own, share.of(every), len(rollout.ids))


def at_depth(states: Sequence[Tensor], depth: float) -> Tensor:
    """Of the hidden `states` of a model, those after that share of its layers."""
    return states[round(depth * (len(states) - 1))]


def _pooled(
    model: PreTrainedModel, rollout: Rollout, index: Tensor, depths: Sequence[float]
) -> Tensor:
    """(b, D) of the rows `index` (b,). Of none it goes forward all the same; see
    `evaluate_rows`."""
    rows = rollout.rows(index if len(index) else rollout.every_row[:1])
    columns = torch.arange(rows.ids.shape[1], device=rows.ids.device)
    states = model(
        input_ids=rows.ids,
        attention_mask=(columns < rows.lengths[:, None]).long(),
        output_hidden_states=True,
        use_cache=False,
        **only_last(model),  # no logits are wanted
    ).hidden_states
    judged = (columns >= rows.prompt_lengths[:, None]) & (columns < rows.lengths[:, None])
    weight = (judged / judged.sum(1, keepdim=True))[..., None]  # (B, L, 1)
    read = [at_depth(states, depth) for depth in depths]
    pooled = torch.cat([(layer.float() * weight).sum(1) for layer in read], 1)
    return pooled[: len(index)].cpu()

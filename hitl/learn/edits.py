"""The operator's own text as one more completion of its group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from hitl.learn.tokens import Codec
from hitl.records import Completion, LabelledGroup, Mode
from hitl.scale import Scale
from hitl.spacing import continuing

Ids = tuple[int, ...]


def with_edit(
    group: LabelledGroup,
    codec: Codec,
    scale: Scale,
    logprobs: Callable[[Ids, Ids], tuple[float, ...]],
) -> LabelledGroup:
    """The group with its edit, if it has one, as a completion of the top reward.

    No policy sampled it, so there is no behaviour to correct for: its log-probabilities are those
    of the policy as the update begins, `logprobs(prompt, completion)`. The first pass then raises
    its likelihood in proportion to the advantage, and clipping bounds the rest as for any other
    completion.
    """
    if group.edit is None:
        return group
    sampled = group.group
    top = scale.high if group.mode is Mode.SCORE else 1.0
    text = continuing(sampled.prompt.text, group.edit)
    ids = codec.encode_completion(text, codec.context - len(sampled.prompt_ids))
    edited = Completion(text, ids, logprobs(sampled.prompt_ids, ids), finished=True)
    return dataclasses.replace(
        group,
        group=dataclasses.replace(sampled, completions=(*sampled.completions, edited)),
        rewards=(*group.rewards, top),
        edit_at=len(sampled.completions),
    )

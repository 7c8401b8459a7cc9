"""A trainer's state on disk: safetensors and JSON, never pickle.

policy/               save_pretrained, loads in transformers as it is (adapters merged)
trainer.safetensors   value head, adapters and the optimizer's moments
state.json            version, KL weight, the operators' moments, the last update's stats
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hitl.errors import HitlError
from hitl.learn.cut import PolicyInPieces
from hitl.learn.lora import adapters, merged
from hitl.learn.moments import Moments
from hitl.learn.pieces import cut_as, gathered, put
from hitl.learn.policy import Policy
from hitl.learn.scores import NONE_YET
from hitl.learn.tokens import Codec
from hitl.records import UpdateStats

FORMAT = 1


@dataclass(frozen=True)
class TrainerState:
    """What an update changes besides weights and optimizer."""

    version: int
    kl_coef: float
    moments: dict[str, Moments]
    """Reward statistics by "operator/mode"."""
    last: UpdateStats | None
    scores: Moments = NONE_YET
    """Of all scores, for a preset that scales by them."""
    kl_estimate: float | None = None
    """Running sequence KL, nats; None before the first update."""
    pass_length: float = 1.0
    """Share of the next update's first pass that is likely to go as far as it may."""

    def to_json(self) -> str:
        """Text of state.json; floats round-trip exactly."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> TrainerState:
        """Raises HitlError when the text is of another format."""
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise HitlError(
                "the state.json of the newest checkpoint is of another format: it was made by a "
                "newer hitl, update it and try again"
            )
        last = data["last"]
        if last is not None:
            last = UpdateStats(**{**last, "notices": tuple(last["notices"])})
        moments = {key: Moments(**value) for key, value in data["moments"].items()}
        scores = Moments(**data["scores"]) if "scores" in data else NONE_YET
        return cls(
            data["version"],
            data["kl_coef"],
            moments,
            last,
            scores,
            data.get("kl_estimate"),
            data.get("pass_length", 1.0),
        )


def save(
    directory: Path,
    policy: Policy,
    codec: Codec,
    optimizer: torch.optim.Optimizer,
    state: TrainerState,
    *,
    write: bool = True,
) -> None:
    """Writes everything an exact resume needs into `directory`. Where the policy is in pieces all
    are asked for theirs, and one is to `write`."""
    adapted = adapters(policy)
    weights: dict[str, Tensor] | None = None  # those of the model as it is
    if adapted:
        weights = gathered(merged(policy.model).items(), write)
    elif isinstance(policy, PolicyInPieces):
        weights = gathered(policy.model.state_dict(keep_vars=True).items(), write)
    tensors = {f"value_head.{k}": v for k, v in policy.value_head.state_dict().items()}
    tensors |= {f"adapter.{name}": p for name, p in adapted.items()}
    names = _names(policy, optimizer)
    for index, moments in optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            tensors[f"optimizer.{key}.{names[index]}"] = torch.as_tensor(value)
    trainer = gathered(tensors.items(), write)
    if not write:
        return
    policy.model.save_pretrained(directory / "policy", state_dict=weights)
    codec.tokenizer.save_pretrained(directory / "policy")
    save_file(
        {k: v.contiguous() for k, v in trainer.items()},
        directory / "trainer.safetensors",
    )
    (directory / "state.json").write_text(state.to_json(), encoding="utf-8")


def load(directory: Path, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainerState:
    """Puts what `save` wrote into a policy and optimizer of the same shape."""
    state = TrainerState.from_json((directory / "state.json").read_text(encoding="utf-8"))
    tensors = load_file(directory / "trainer.safetensors")
    if adapted := adapters(policy):
        _load_adapters(adapted, tensors)
    else:
        _load_weights(policy, directory / "policy")
    for name, parameter in policy.value_head.named_parameters():
        put(_found(tensors, f"value_head.{name}"), parameter)
    names, trained = _names(policy, optimizer), policy.trained()
    slots: dict[int, dict[str, Tensor]] = {}
    for index, name in names.items():
        if (step := tensors.get(f"optimizer.step.{name}")) is not None:
            slots.setdefault(index, {})["step"] = step
        for key in ("exp_avg", "exp_avg_sq"):
            if (moment := tensors.get(f"optimizer.{key}.{name}")) is not None:
                slots.setdefault(index, {})[key] = cut_as(trained[name], moment)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    return state


def _load_weights(policy: Policy, folder: Path) -> None:
    """Copies the weights of a saved model of the same class. transformers reads them: it knows of
    shards, tied heads and names that differ between module and file."""
    kind: Any = type(policy.model)
    saved, report = kind.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True
    )
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"{folder.name}/ lacks {', '.join(missing[:3])}")
    found = dict(saved.named_parameters())
    for name, parameter in policy.model.named_parameters():
        put(found[name], parameter)


def _load_adapters(adapted: dict[str, torch.nn.Parameter], tensors: dict[str, Tensor]) -> None:
    for name, parameter in adapted.items():
        put(_found(tensors, f"adapter.{name}"), parameter)


def _found(tensors: dict[str, Tensor], name: str) -> Tensor:
    if (saved := tensors.get(name)) is None:
        raise ValueError(f"trainer.safetensors lacks {name}")
    return saved


def _names(policy: Policy, optimizer: torch.optim.Optimizer) -> dict[int, str]:
    """Name of each optimizer slot, in the optimizer's own numbering."""
    by_id = {id(p): name for name, p in policy.named_parameters()}
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return {index: by_id[id(p)] for index, p in enumerate(params)}

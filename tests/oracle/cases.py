"""Typed access to the numbers of `data/` (what they are: README.md). Needs numpy, no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

DATA = Path(__file__).parent / "data"

Floats = NDArray[np.float32]
Ids = tuple[tuple[int, ...], ...]
# By GPT2LMHeadModel's parameter names and `v_head.summary.*`; lm_head is tied to wte, so not there.
Parameters = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Tokens:
    """What the first step computed for each position. Shape: (B, T), T = longest sequence - 1.

    Position t holds what concerns token t + 1. Outside `mask` the numbers are what TRL had there.
    """

    mask: NDArray[np.bool_]
    logprobs: Floats
    ref_logprobs: Floats
    values: Floats  # as predicted; the step goes on with values * mask
    kls: Floats
    non_score_rewards: Floats
    rewards: Floats  # before whitening
    advantages: Floats  # after whitening
    returns: Floats


@dataclass(frozen=True, eq=False)
class OracleStep:
    """One call of `PPOTrainer.step`: what it was given and what it returned."""

    queries: Ids
    responses: Ids
    scores: Floats  # (B,)
    permutations: NDArray[np.int64]  # (epochs run, B): row order of each epoch
    stats: Mapping[str, float]  # by TRL's names
    kl_coef_after: float
    minibatches: Mapping[str, Floats]  # by TRL's names, each (mini-batches run,), in order

    @property
    def epochs(self) -> int:
        return len(self.permutations)


@dataclass(frozen=True, eq=False)
class OracleCase:
    name: str
    note: str
    ppo: Mapping[str, Any]  # PPOConfig fields
    optimizer: str  # sgd | adam
    lr: float
    dropout: float  # as configured; it must have no effect
    patched: bool  # TRL needed a shim (score scaling)
    model: Mapping[str, Any]  # GPT2Config arguments
    policy: Parameters
    reference: Parameters  # its value head is not used
    steps: tuple[OracleStep, ...]
    tokens: Tokens  # of steps[0]
    gradient_first: Parameters  # at the first optimizer step of steps[0]
    parameters_first: Parameters  # after steps[0]
    parameters_last: Parameters  # after steps[-1]


@cache
def load_cases() -> list[OracleCase]:
    """All cases, in the order in which `generate.py` lists them."""
    index: dict[str, Any] = json.loads((DATA / "oracle.json").read_text(encoding="utf-8"))
    arrays: dict[str, NDArray[Any]] = load_file(DATA / "oracle.safetensors")
    return [_case(index, arrays, case) for case in index["cases"]]


def determined(parameters: Parameters) -> dict[str, Floats]:
    """The parameters that have a gradient: all but the bias of the attention keys.

    Softmax does not see a constant added to all keys, so that bias has gradient 0 and gets rounding
    noise (1e-8) instead. Adam blows the noise up to steps of the learning rate: compare without it.
    """
    return {
        name: np.delete(value, np.s_[len(value) // 3 : 2 * len(value) // 3])
        if name.endswith("attn.c_attn.bias")
        else value
        for name, value in parameters.items()
    }


def _case(
    index: dict[str, Any], arrays: dict[str, NDArray[Any]], case: dict[str, Any]
) -> OracleCase:
    name = case["name"]
    layout = index["layout"]

    def parameters(key: str) -> Parameters:
        return _unflatten(arrays[key], layout)

    first = {key: arrays[f"{name}/first/{key}"] for key in Tokens.__annotations__ if key != "mask"}
    return OracleCase(
        name=name,
        note=case["note"],
        ppo=case["ppo"],
        optimizer=case["optimizer"]["name"],
        lr=case["optimizer"]["lr"],
        dropout=case["dropout"],
        patched=case["patched"],
        model=index["model"],
        policy=parameters("policy"),
        reference=parameters("reference"),
        steps=_steps(index, case, arrays[f"{name}/minibatches"]),
        tokens=Tokens(mask=arrays[f"{name}/first/masks"].astype(bool), **first),
        gradient_first=parameters(f"{name}/gradient_first"),
        parameters_first=parameters(f"{name}/parameters_first"),
        parameters_last=parameters(f"{name}/parameters_last"),
    )


def _steps(index: dict[str, Any], case: dict[str, Any], table: Floats) -> tuple[OracleStep, ...]:
    columns = index["minibatch_stats"]
    steps, start = [], 0
    for batch, step in zip(index["batches"][case["batches"]], case["steps"], strict=False):
        rows = table[start : start + step["minibatches"]]
        start += step["minibatches"]
        steps.append(
            OracleStep(
                queries=tuple(map(tuple, batch["queries"])),
                responses=tuple(map(tuple, batch["responses"])),
                scores=np.array(batch["scores"], np.float32),
                permutations=np.array(step["permutations"], np.int64),
                stats=step["stats"],
                kl_coef_after=step["kl_coef_after"],
                minibatches={column: rows[:, i] for i, column in enumerate(columns)},
            )
        )
    return tuple(steps)


def _unflatten(vector: Floats, layout: list[tuple[str, list[int]]]) -> Parameters:
    sizes = [int(np.prod(shape)) for _, shape in layout]
    parts = np.split(vector, np.cumsum(sizes)[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(layout, parts, strict=True)}

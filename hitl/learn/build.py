"""Policy, reference and optimizer of a run, on the device they are to live on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.learn.keyed import seed_of
from hitl.learn.policy import Loaded, Policy, load_model
from hitl.learn.tokens import Codec

OnProgress = Callable[[str, int, int], None]
"""Told (stage, done, total) as the engine works."""


@dataclass(frozen=True)
class Learner:
    """What an update needs besides a batch."""

    policy: Policy
    reference: Policy
    """Never trained."""
    optimizer: torch.optim.Optimizer
    codec: Codec


def build(source: Path | str, config: SessionConfig, on_progress: OnProgress) -> Learner:
    """Loads the base policy `source` and readies it for learning as `config` says.

    Raises HitlError when there is no such device or policy, or no room for a prompt.
    """
    on_progress("load", 0, 2)
    device = pick_device(config.device)
    if config.threads is not None and device.type == "cpu":
        torch.set_num_threads(config.threads)  # the order of sums, and so the last bits
    loaded = _load(source, device)
    if config.max_new_tokens >= loaded.codec.context:
        raise HitlError(
            f"--max-new-tokens {config.max_new_tokens} leaves no room for a prompt: "
            f"{config.base_policy} takes {loaded.codec.context} tokens in all"
        )
    seed = seed_of(config.seed, "value head")
    policy = Policy(loaded.model, seed).to(device)
    on_progress("load", 1, 2)
    reference = Policy(_load(source, device).model, seed).to(device)
    reference.requires_grad_(False)
    ppo = config.ppo
    optimizer = torch.optim.Adam(
        policy.parameters(), lr=ppo.lr, betas=ppo.adam_betas, eps=ppo.adam_eps, fused=True
    )
    on_progress("load", 2, 2)
    return Learner(policy, reference, optimizer, loaded.codec)


def pick_device(name: str) -> torch.device:
    """`auto` is the first GPU if there is one. Raises HitlError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise HitlError(f"--device {name!r} is no device: use auto, cpu or cuda[:N]") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise HitlError(f"--device {name}: no GPU was found here; use --device cpu")
    return device


def _load(source: Path | str, device: torch.device) -> Loaded:
    try:
        return load_model(source, device)
    except (OSError, ValueError) as error:
        raise HitlError(
            f"the policy {str(source)!r} could not be loaded ({_first_line(error)}): "
            "use --policy tiny-zh, --policy tiny-en, or a local folder"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")

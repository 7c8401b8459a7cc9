"""Policy, reference and optimizer of a run, on the device they are to live on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch.distributed.device_mesh import DeviceMesh
from transformers import PreTrainedModel

from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.learn.adam import adam_for
from hitl.learn.cut import PolicyInPieces, cut
from hitl.learn.hub import loading
from hitl.learn.keyed import generator, seed_of
from hitl.learn.policy import LanguageModel, Loaded, Policy, load_model
from hitl.learn.share import Share
from hitl.learn.tokens import Codec
from hitl.models import check_use

OTHER_POLICIES = "use --policy tiny-zh, --policy tiny-en, or a local folder"
"""What to do when a policy cannot be loaded."""

OnProgress = Callable[[str, int, int], None]
"""Told (stage, done, total) as the engine works."""


LARGE = 500_000_000
"""Parameters from which --dtype auto computes in bfloat16 on a GPU."""


@dataclass(frozen=True)
class Built:
    """What a run learns with, loaded."""

    policy: Policy
    reference: LanguageModel
    """Never trained."""
    optimizer: torch.optim.Optimizer
    codec: Codec


def build(
    source: Path | str,
    config: SessionConfig,
    device: torch.device,
    share: Share,
    on_progress: OnProgress,
) -> Built:
    """Loads the base policy `source` and readies it for learning as `config` says, on `device`, or
    so much of it there as is this `share`'s.

    Raises HitlError when there is no such policy, or no room for a prompt.
    """
    on_progress("load", 0, 2)
    if config.threads is not None and device.type == "cpu":
        torch.set_num_threads(config.threads)  # the order of sums, and so the last bits
    # What is to be cut is whole in the node's memory, and goes to the device layer by layer.
    first = torch.device("cpu") if share.in_pieces else device
    loaded = _load(source, first, config.trust_remote_code)
    if config.max_new_tokens >= loaded.codec.context:
        raise HitlError(
            f"--max-new-tokens {config.max_new_tokens} leaves no room for a prompt: "
            f"{config.base_policy} takes {loaded.codec.context} tokens in all"
        )
    compute = compute_dtype(config.dtype, device, loaded.model.num_parameters())
    seed = seed_of(config.seed, "value head")

    def placed(model: PreTrainedModel, *, frozen: bool) -> Policy:
        kind = PolicyInPieces if share.in_pieces else Policy
        policy = kind(model, seed, compute)
        if frozen:
            policy.requires_grad_(False)
        if isinstance(policy, PolicyInPieces) and share.mesh is not None:
            _cut(policy, share.mesh, config.base_policy)
            return policy
        return policy.to(device)

    reference: LanguageModel
    if config.lora:
        from hitl.learn.lora import WithoutAdapters, add_adapters

        rank, alpha, targets = config.lora_rank, config.lora_alpha, config.lora_targets
        add_adapters(loaded.model, rank, alpha, targets, generator(config.seed, "adapters"))
        policy = placed(loaded.model, frozen=False)
        reference = WithoutAdapters(policy)
    else:
        policy = placed(loaded.model, frozen=False)
        on_progress("load", 1, 2)
        again = _load(source, first, config.trust_remote_code).model
        reference = placed(again, frozen=True)
    if config.gradient_checkpointing:
        _checkpoint_gradients(policy, config.base_policy)
    ppo = config.ppo
    optimizer = adam_for(policy.trained().values(), ppo.lr, ppo.adam_betas, ppo.adam_eps)
    on_progress("load", 2, 2)
    return Built(policy, reference, optimizer, loaded.codec)


def _cut(policy: PolicyInPieces, mesh: DeviceMesh, name: str) -> None:
    try:
        cut(policy, mesh)
    except ValueError as error:
        raise HitlError(f"--shard: {name} cannot be cut ({error}), leave it out") from error


def _checkpoint_gradients(policy: Policy, name: str) -> None:
    try:
        policy.checkpoint_gradients()
    except ValueError as error:
        raise HitlError(f"--gradient-checkpointing: {name} cannot do it, leave it out") from error


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
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise HitlError(f"--device {name}: the last GPU here is cuda:{count - 1}")
    if device.type not in ("cpu", "cuda"):
        raise HitlError(f"--device {name}: only cpu and cuda[:N] are known to work")
    return device


def compute_dtype(
    name: Literal["auto", "fp32", "bf16"], device: torch.device, parameters: int
) -> torch.dtype:
    """What --dtype `name` means for a policy of so many parameters.

    `auto` is fp32, whose recorded log-probabilities are those an update computes to 1e-5; but for
    a GPU with bfloat16 and a policy so large that the operator would wait for it.
    """
    if name == "fp32" or (name == "auto" and (device.type != "cuda" or parameters < LARGE)):
        return torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        if name == "auto":
            return torch.float32
        raise HitlError("--dtype bf16: this GPU has no bfloat16; use --dtype fp32")
    return torch.bfloat16


def _load(source: Path | str, device: torch.device, trust_remote_code: bool) -> Loaded:
    with loading("policy", source, OTHER_POLICIES):
        try:
            loaded = load_model(source, device, trust_remote_code=trust_remote_code)
        except ValueError as error:
            if "trust_remote_code" not in str(error):
                raise
            raise HitlError(  # of the hub: a folder was looked at before
                f"the policy {str(source)!r} asks to run code of its own, which can do whatever "
                "you can: read it, and add --trust-remote-code if you trust it"
            ) from error
    check_use(str(source), loaded.model.config.architectures or (), "policy")
    return loaded

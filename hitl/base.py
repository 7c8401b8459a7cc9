"""Which base policy a run began with: all its weights are a function of that one."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.errors import HitlError, UsageError
from hitl.models import resolve
from hitl.rundir import RunDir
from hitl.wording import Sentence

_CHUNK = 1 << 20


def base_of(run: RunDir, config: SessionConfig) -> Path | str:
    """The folder or hub id of the policy the run began with. Raises HitlError when it is gone, or
    cannot be loaded any more."""
    try:
        return resolve(
            config.base_policy,
            run.path.parent,
            "policy",
            trust_remote_code=config.trust_remote_code,
        )
    except UsageError as error:
        if os.path.lexists(Path(config.base_policy)):
            raise
        raise HitlError(
            f"run {run.name} was begun on the policy {config.base_policy}, which is not there any "
            "more: put it back where it was"
        ) from error


def identity_of(folder: Path) -> dict[str, str]:
    """The SHA-256 over the weight files of a model folder, in the order of their names; empty when
    they cannot be read. Half a second a gigabyte or so, and without the interpreter's lock."""
    sha = hashlib.sha256()
    try:
        for path in sorted(folder.glob("model*.safetensors")):
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    sha.update(chunk)
    except OSError:  # loading it will say so
        return {}
    return {"sha256": sha.hexdigest()}


def check_base(
    run: RunDir, identity: dict[str, str], is_new: bool, warn: Callable[[str], None]
) -> None:
    """Compares the base policy's identity with the one the run began with, and writes it into
    config.json when the run is new and has none yet."""
    base = run.config()["base"]
    if not any(key in base for key in identity):
        if identity and is_new:
            with contextlib.suppress(OSError):  # a full disk: only this comparison is lost
                run.note_base(base | identity)
    elif any(base.get(key, value) != value for key, value in identity.items()):
        warn(
            Sentence(
                "the base policy {policy} is not the one this run began with (its weights are "
                "others): updates and replay will differ from what they were",
                policy=base.get("policy"),
            )
        )

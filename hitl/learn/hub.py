"""A model of the hub, when there may be no way to it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from hitl.errors import HitlError

OTHER_STARTS = "give --init a folder or a shipped name"
"""What to do when the model to start from cannot be loaded."""

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def located(source: Path | str) -> Path | str:
    """Where to load `source` from: a folder, a hub id (which may come as a Path), or what this
    machine has kept of one.

    Raises OSError when the hub does not answer and nothing was kept. Its own client would try for
    most of a minute before it says so, line by line.
    """
    if Path(source).is_dir() or _hub_answers():
        return source
    try:
        return Path(snapshot_download(str(source), local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise OSError(f"no answer from {constants.ENDPOINT}, and no copy of it here") from error


@contextlib.contextmanager
def loading(what: str, source: Path | str, instead: str) -> Iterator[None]:
    """Around what loads a model. Raises HitlError when that cannot be done: which `what` it was,
    where from, why, and what to give `instead`."""
    try:
        yield
    except HitlError:
        raise
    except (OSError, ValueError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
        said = f"the {what} {str(source)!r} could not be loaded ({why}): {instead}"
        raise HitlError(said) from error


def revision_of(name: str) -> str | None:
    """The commit of the hub model that this machine has kept; None when it has none."""
    try:
        return Path(snapshot_download(name, local_files_only=True)).name
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


def _hub_answers() -> bool:
    """Asked for three seconds at most. Behind a proxy only the client itself can tell."""
    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in _PROXIES):
        return True
    address = urlparse(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True

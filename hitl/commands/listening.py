"""What to say when an address cannot be listened on."""

from __future__ import annotations

import errno
import os
import socket

from hitl.errors import HitlError


def not_listening(host: str, port: int, error: OSError) -> HitlError:
    """A name that nobody knows is another matter than a port that is in use."""
    where = f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        return HitlError(f"{where} cannot be listened on: nothing is called {host}, check --host")
    why = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.EADDRNOTAVAIL:
        return HitlError(f"{where} cannot be listened on ({why}): --host is none of this machine's")
    return HitlError(f"{where} cannot be listened on ({why}): give another --port")

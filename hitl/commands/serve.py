"""`hitl serve`: the terminal UI in a browser."""

from __future__ import annotations

import ipaddress
import secrets
import shlex
import sys

from hitl.commands.listening import not_listening
from hitl.config.commands import Serve
from hitl.config.look import Look
from hitl.errors import HitlError, UsageError


def serve(command: Serve) -> int:
    """Serves until Ctrl+C."""
    try:
        from hitl.tui.web import TokenServer
    except ModuleNotFoundError as error:
        raise HitlError(
            f"hitl serve needs {error.name}: pip install textual-serve, or use a terminal"
        ) from error
    url = command.public_url or _url(command.host, command.port)
    server = TokenServer(
        shlex.join([sys.executable, "-m", "hitl", *look_options(command.look)]),
        command.host,
        command.port,
        url.rstrip("/"),
        command.token or secrets.token_urlsafe(16),
    )
    try:
        server.serve()
    except OSError as error:
        raise not_listening(command.host, command.port, error) from error
    return 0


def look_options(look: Look) -> list[str]:
    """The options that make another `hitl` look so; none for what it does by itself."""
    given = (("--ui-lang", look.ui_lang, "auto"), ("--theme", look.theme, "dark"))
    return [word for name, value, usual in given if value != usual for word in (name, value)]


def _url(host: str, port: int) -> str:
    """The address of the page, when it is not told. Raises UsageError for "all addresses", which
    is none that a browser could open."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        raise UsageError(
            f"--host {host} is every address of this machine: say with --public-url which one "
            f"browsers open, such as --public-url http://192.168.1.5:{port}"
        )
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"

"""The terminal UI in a browser: textual-serve, behind a token.

Whoever reaches the port gets a program that writes files here, and pages of other sites can open
websockets to this machine too. So every request needs the token: once in the address, then as a
cookie that other sites' pages cannot send.
"""

from __future__ import annotations

import hmac
import logging

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server

COOKIE = "hitl-token"


class TokenServer(Server):
    """Serves `command`, one process a browser tab, to those who know `token`."""

    def __init__(self, command: str, host: str, port: int, public_url: str, token: str) -> None:
        super().__init__(command, host=host, port=port, title="hitl", public_url=public_url)
        self.token = token

    @property
    def address(self) -> str:
        """What to open in the browser."""
        return f"{self.public_url}/?token={self.token}"

    def initialize_logging(self) -> None:
        """Only what goes wrong: a line for each request would show the token."""
        logging.basicConfig(level=logging.WARNING)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(guard(self.token))
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Says where it is, and no more."""
        self.console.print(f"hitl is at {self.address}", soft_wrap=True, highlight=False)
        self.console.print("Ctrl+C ends it; each session is saved first.")


def guard(token: str) -> Middleware:
    """Middleware that lets nobody in who does not know the token."""

    def knows(given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), token.encode())

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        in_address = request.query.get("token")
        if not (knows(in_address) or knows(request.cookies.get(COOKIE))):
            raise web.HTTPForbidden(
                text="open the address with the token that `hitl serve` printed"
            )
        response = await handler(request)
        if knows(in_address) and not response.prepared:
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    return check

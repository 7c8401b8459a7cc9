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

NOTHING_FOREIGN = (
    "default-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data:"
)
"""Content security policy. textual-serve's page asks fonts.googleapis.com for a font: where that
host cannot be reached, the browser would wait for it before it draws anything."""

FOCUS = """<script>
addEventListener("load", () => document.querySelector(".xterm-helper-textarea")?.focus());
</script>"""
"""The page would not listen to keys before somebody clicks into it."""


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

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        page = await super().handle_index(request)
        if isinstance(page, web.Response):
            page.text = (page.text or "").replace("</body>", FOCUS + "</body>")
        return page

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
        if not response.prepared:
            response.headers["Content-Security-Policy"] = NOTHING_FOREIGN
            if knows(in_address):
                response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    return check

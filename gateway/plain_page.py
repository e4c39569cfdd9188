"""Small pages for who has no wish to sign in: no script, one style, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cached_property
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, StrictUndefined, Template

AGAIN = 5  #: seconds after which to try once more while the store is away


class PlainPage:
    """Of one template in this package."""

    def __init__(self, template: str) -> None:
        self._name = template

    def show(self, state: str, status: int = 200, **context: Any) -> web.Response:
        """The page in one of its states."""
        html = self._template.render(state=state, style=self._style, **context)
        headers = {**self._headers, **({"Retry-After": str(AGAIN)} if status == 503 else {})}
        return web.Response(text=html, status=status, content_type="text/html", headers=headers)

    @cached_property
    def _template(self) -> Template:
        env = Environment(autoescape=True, undefined=StrictUndefined)
        return env.from_string((files("gateway") / self._name).read_text("utf-8"))

    @cached_property
    def _style(self) -> str:
        return (files("gateway") / "plain_page.css").read_text("utf-8")

    @cached_property
    def _headers(self) -> dict[str, str]:
        mark = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{mark}'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Cache-Control": "no-store",
        }

"""What is told about a request that isn't HTTP, or whose head is too long: a problem like others.

aiohttp answers such a request before any of our code sees it, with the piece that it couldn't read;
that may be a token.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import hdrs, web
from aiohttp.web_protocol import ERROR

from gateway.problems import bad_request

TOLD = "can't be read: each line of its head, a token's too, may have up to 8,190 bytes"


class _Unreadable(web.BaseRequest):
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        if isinstance(response, web.Response) and response.status == 400:
            response.body = orjson.dumps(bad_request("request", None, TOLD).body)
            response.headers[hdrs.CONTENT_LENGTH] = str(len(response.body))
            response.headers[hdrs.CONTENT_TYPE] = "application/problem+json"
            response.headers.pop(hdrs.SERVER, None)


def told_plainly(runner: web.BaseRunner | None) -> None:
    """Has it told so by a runner that was set up."""
    assert runner is not None
    assert runner.server is not None, "set up comes first"
    server: Any = runner.server
    made, loop = server.request_factory, server._loop

    def make(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        if message is ERROR:
            return _Unreadable(message, payload, protocol, writer, task, loop)
        request: web.BaseRequest = made(message, payload, protocol, writer, task)
        return request

    server.request_factory = make

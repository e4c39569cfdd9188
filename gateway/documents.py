"""The API describing itself: ``/openapi.json``, ``/asyncapi.json``, and ``/docs`` to read it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson
from aiohttp import web

from gateway.asyncapi import asyncapi
from gateway.endpoint import Endpoint
from gateway.events import Event
from gateway.openapi import openapi

HEADERS = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}  # public, and no secret


class Documents:
    """Serves what is made from the table of endpoints, on the first request for it."""

    def __init__(self, endpoints: Sequence[Endpoint], events: Sequence[Event], url: str) -> None:
        self._endpoints = endpoints
        self._events = events
        self._url = url

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves."""
        return [
            web.get("/openapi.json", self.openapi), web.get("/asyncapi.json", self.asyncapi),
        ]  # fmt: skip

    async def openapi(self, _: web.Request) -> web.Response:
        """OpenAPI 3.1."""
        return web.Response(body=self._openapi, content_type="application/json", headers=HEADERS)

    async def asyncapi(self, _: web.Request) -> web.Response:
        """AsyncAPI 3.0."""
        return web.Response(body=self._asyncapi, content_type="application/json", headers=HEADERS)

    def all(self) -> dict[str, Any]:
        """Both documents, by name."""
        return {
            "openapi": openapi(self._endpoints, self._url),
            "asyncapi": asyncapi(self._events, self._url),
        }

    @cached_property
    def _asyncapi(self) -> bytes:
        return orjson.dumps(asyncapi(self._events, self._url))

    @cached_property
    def _openapi(self) -> bytes:
        return orjson.dumps(openapi(self._endpoints, self._url))


DOCUMENTS = web.AppKey("documents", Documents)

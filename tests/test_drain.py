"""A node that stops: who is refused, who is let go of when, what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway import background
from gateway.drain import SLICE, Drain
from gateway.problems import problems


class Streams:
    """Connections of some kind, as far as a drain can tell."""

    path = "/streams/"

    def __init__(self, count: int = 0) -> None:
        self.open = {f"client-{number}" for number in range(count)}
        self.left: list[float] = []
        self.may_go = asyncio.Event()
        self.may_go.set()

    def clients(self) -> set[str]:
        return set(self.open)

    async def send_away(self, client: str) -> None:
        await self.may_go.wait()
        self.left.append(asyncio.get_running_loop().time())
        self.open.discard(client)


def draining(streams: Streams, seconds: float) -> Drain:
    """A drain with one kind of connections."""
    drain = Drain(seconds)
    drain.add(streams)
    return drain


async def test_clients_are_sent_away_in_slices_over_the_given_time() -> None:
    streams, seconds = Streams(count=10), 4 * SLICE
    begun = asyncio.get_running_loop().time()
    await draining(streams, seconds).run()
    moments = sorted(round((moment - begun) / SLICE, 1) for moment in streams.left)
    assert len(moments) == 10
    sizes = [moments.count(moment) for moment in sorted(set(moments))]
    assert max(sizes) <= 3, "more than a slice in one moment"
    assert moments[0] >= 1, "the first went before anybody could know that the node stops"
    assert moments[-1] >= 4, "the last went too early"


async def test_without_a_time_all_are_sent_away_at_once() -> None:
    streams = Streams(count=10)
    async with asyncio.timeout(SLICE):
        await draining(streams, 0).run()
    assert not streams.open


async def test_nobody_is_waited_for_where_nobody_is() -> None:
    async with asyncio.timeout(SLICE):
        await draining(Streams(), 3600).run()


async def test_who_leaves_by_himself_shortens_the_wait() -> None:
    streams = Streams(count=4)
    leaving = asyncio.get_running_loop().call_later(0.05, streams.open.clear)
    async with asyncio.timeout(10):
        await draining(streams, 40_000 * SLICE).run()
    leaving.cancel()


async def test_the_drain_ends_when_the_last_has_gone() -> None:
    streams = Streams(count=2)
    streams.may_go.clear()
    task = asyncio.create_task(draining(streams, 0).run())
    await asyncio.sleep(0.05)
    assert not task.done(), "somebody still has something to prove"
    streams.may_go.set()
    await task


@asynccontextmanager
async def node(streams: Streams) -> AsyncIterator[tuple[Drain, aiohttp.ClientSession]]:
    """A server whose drain is up to the test."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="fine")

    drain = draining(streams, 0)
    app = web.Application(middlewares=[problems, drain.guard])
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    async with server, aiohttp.ClientSession(server.make_url("/")) as http:
        yield drain, http


async def test_a_node_that_serves_lets_everybody_in() -> None:
    async with node(Streams()) as (_, http):
        for path in ("/readyz", "/streams/", "/streams/?sid=unknown", "/api/v1/jobs"):
            async with http.get(path) as answer:
                assert (answer.status, answer.headers.get("Connection")) == (200, None), path


@pytest.mark.parametrize("path", ["/readyz", "/streams/", "/streams/?sid=somebody-elses"])
async def test_a_node_that_stops_refuses_newcomers(path: str) -> None:
    async with node(Streams(count=1)) as (drain, http):
        drain.begun = True
        async with http.get(path) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            assert "This node is being stopped" in (await answer.json())["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/jobs", "/streams/?sid=client-0"])
async def test_a_node_that_stops_serves_the_others_to_the_end(path: str) -> None:
    async with node(Streams(count=1)) as (drain, http):
        drain.begun = True
        async with http.get(path) as answer:
            assert answer.status == 200
            assert answer.headers["Connection"] == "close"


async def test_what_clients_set_off_is_waited_for_and_what_that_sets_off() -> None:
    done: list[str] = []

    async def receipt(name: str, *then: str) -> None:
        await asyncio.sleep(0.01)
        done.append(name)
        for following in then:
            background.spawn(receipt(following))

    background.spawn(receipt("first", "second"))
    await background.finish(within=5)
    assert done == ["first", "second"]


async def test_what_does_not_end_is_not_waited_for_for_ever() -> None:
    endless = background.spawn(asyncio.sleep(3600))
    async with asyncio.timeout(5):
        await background.finish(within=0.05)
    endless.cancel()

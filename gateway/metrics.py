"""``/metrics`` for Prometheus: what this node counts, and what it sees of the whole.

Numbers are read when somebody asks, so that counting costs the hot paths next to nothing. The
whole installation's gauges come from one look that is shared with ``/ops`` and at most two seconds
old; while the store is away they are missing, and the node's own are still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.auth import Tokens
from gateway.endpoint import bearer, require, same
from gateway.hub import Hub
from gateway.meter import Meter
from gateway.ops import Ops
from gateway.sockets import Sockets
from ringback.connection import AsyncStore
from ringback.errors import StoreUnavailable
from ringback.overview import Overview

UNKNOWN = "(none)"  #: the route of a path that isn't served: paths are anybody's to make up


class Metrics:
    """Serves the numbers to operators, and to whoever has the token for them."""

    def __init__(self, meter: Meter, db: AsyncStore, hub: Hub, sockets: Sockets, ops: Ops) -> None:
        self.meter = meter
        self._db = db
        self._hub = hub
        self._sockets = sockets
        self._ops = ops

    def route(self, tokens: Tokens, secret: str | None) -> web.RouteDef:
        """``secret``: what may stand in place of an operator's token."""

        async def serve(request: web.Request) -> web.Response:
            shown = bearer(request)
            if not (secret and shown and same(shown, secret)):
                require((await tokens.verify(shown)).roles, "operator")
            text = generate_latest(_registry([*self._own(), *await self._whole()]))
            return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

        return web.get("/metrics", serve)

    def middleware(self) -> Any:
        """Counts requests by route, never by path."""

        @web.middleware
        async def count(request: web.Request, handler: Any) -> web.StreamResponse:
            response: web.StreamResponse = await handler(request)
            resource = request.match_info.route.resource
            route = UNKNOWN if resource is None else resource.canonical
            self.meter.requests[request.method, route, response.status] += 1
            return response

        return count

    def _own(self) -> Iterator[Metric]:
        meter = self.meter
        yield _counter("events_pushed", "Events queued for clients", meter.pushed)
        yield _counter("frames_conflated", "Progress replaced by newer progress", meter.conflated)
        yield _counter("slow_clients_cut", "Clients cut since they didn't read", meter.slow)
        yield _counter("receipts", "Ends of jobs that a pong proved", meter.proven)
        yield _counter("store_errors", "Commands that the store didn't answer", self._db.errors)
        yield _counter("hub_reconnects", "Lost connections to the channels", self._hub.reconnects)
        yield _gauge(
            "connections", "Clients by transport", self._sockets.server.transports(), "transport"
        )
        requests = CounterMetricFamily(
            "ringback_http_requests", "Requests answered", labels=("method", "route", "status")
        )
        for (method, route, status), count in sorted(meter.requests.items()):
            requests.add_metric((method, route, str(status)), count)
        yield requests

    async def _whole(self) -> list[Metric]:
        try:
            found = await self._ops.look()
        except StoreUnavailable:
            return []
        return list(_whole(found))


def _whole(found: Overview) -> Iterator[Metric]:
    for state in ("queued", "running", "retrying"):
        by_type = {kind: load.jobs for kind, load in getattr(found, state).items()}
        yield _gauge(f"jobs_{state}", f"Jobs that are {state}", by_type, "type")
    yield _gauge("workers", "Worker processes", {"": len(found.workers)})
    yield _gauge("worker_threads", "Jobs at once", {"": sum(w.threads for w in found.workers)})
    yield _gauge("worker_threads_busy", "Jobs now", {"": sum(w.busy for w in found.workers)})
    yield _gauge("notices", "Users still to be told of something", {"": found.notices})
    yield _gauge("notices_due", "Users whose email is due", {"": found.due})
    yield _gauge("dead_letters", "Dead letters, replayed ones too", {"": found.dead})
    yield _gauge("unsent", "Emails that may be sent again", {"": found.unsent})
    opened = {one.name: int(one.state.value != "closed") for one in found.breakers}
    yield _gauge("breaker_open", "Whether a service's circuit is open", opened, "service")
    sounding = {one.key: 1 for one in found.alerts}
    yield _gauge("alert", "What operators must mend, 1 while it is open", sounding, "alert")


def _counter(name: str, told: str, value: int) -> Metric:
    return CounterMetricFamily(f"ringback_{name}", told, value=value)


def _gauge(name: str, told: str, values: dict[str, int], label: str | None = None) -> Metric:
    gauge = GaugeMetricFamily(f"ringback_{name}", told, labels=(label,) if label else ())
    for key, value in sorted(values.items()):
        gauge.add_metric((key,) if label else (), value)
    return gauge


def _registry(families: Iterable[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return registry


class _Families(Collector):
    """What was collected already: the store is asked without blocking the loop."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        return self._families

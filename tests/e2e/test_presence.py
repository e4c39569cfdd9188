"""Who is there, as the store and an app's backend see it while clients and nodes come and go."""

from __future__ import annotations

import time
from collections.abc import Callable

import ringback
from ringback import presence
from ringback.presence import Presence
from tests.e2e.client import Client
from tests.rig import Rig, until

Tab = Callable[[], Client]
RIGHT_WITHIN = 15.0  #: seconds


def of(rig: Rig, user: str) -> Presence:
    return rig.do(presence.of(user))


def test_tabs_are_there_active_or_away_until_they_close(rig: Rig, tab: Tab) -> None:
    first, second = (tab().open(rig.url, rig.token("tabs")) for _ in range(2))
    first.connected()
    second.connected()
    assert (of(rig, "tabs").active, of(rig, "tabs").away) == (2, 0)
    assert first.emit("presence", {"state": "away"})["ok"]
    found = of(rig, "tabs")
    assert (found.active, found.away) == (1, 1)
    assert {connection.kind for connection in found.connections} == {"socket"}
    second.close()
    until(lambda: len(of(rig, "tabs").connections) == 1)


def test_the_backend_of_an_app_sees_who_is_there(rig: Rig, tab: Tab) -> None:
    tab().open(rig.url, rig.token("watched")).connected()
    settings = rig.settings
    with ringback.Client(settings) as client:
        assert client.presence("watched").active == 1
        assert client.presence("somebody else").connections == ()


def test_the_count_is_right_15_seconds_after_a_node_was_killed(own_rig: Rig, tab: Tab) -> None:
    gateway = own_rig.gateway()
    tab().open(own_rig.url, own_rig.token("ann"), reconnection=False).connected()
    # its first beat may have come before the tab did
    (node,) = until(lambda: [n for n in own_rig.do(presence.nodes()) if n.totals.users == 1])
    (connection,) = of(own_rig, "ann").connections
    assert connection.node == node.id
    gateway.kill()
    killed = time.monotonic()
    until(lambda: of(own_rig, "ann").connections == (), RIGHT_WITHIN)
    left = RIGHT_WITHIN - (time.monotonic() - killed)
    until(lambda: own_rig.do(presence.nodes()) == [], left)

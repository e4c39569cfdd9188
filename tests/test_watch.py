"""Support looks at a user's page: as the user sees it, live, and without leaving a mark on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback import audit, presence, store
from ringback.connection import Store
from ringback.job import Job
from tests.eye import DONE, ask, claimed, submitted
from tests.node import Node, ids, running
from tests.rig import Valkey, new_spec


@pytest.fixture
async def node(
    db: Store,  # noqa: ARG001 (this empties it)
    shared_valkey: Valkey,
    tmp_path: Path,
) -> AsyncIterator[Node]:
    """A node on the tests' store."""
    async with running(shared_valkey.url, tmp_path) as node:
        yield node


def end(db: Store, job: Job) -> Job:
    """A running job, ended."""
    return db.do(store.update(job, lambda job: job.ended(DONE)))


async def test_support_sees_a_users_page_live_and_no_cursor(node: Node, db: Store) -> None:
    job = claimed(db, "ann")
    async with node.socket(node.token("sue", "support")) as sue:
        (own, cursor) = await sue.event("jobs")
        assert (own["jobs"], own["reset"], isinstance(cursor, str)) == ([], True, True)
        assert await sue.emit("watch", {"user": "ann"}) == {"ok": True, "user": "ann"}
        (page,) = await sue.event("jobs")
        assert (ids(page["jobs"]), page["reset"], page["user"]) == ({job.id}, True, "ann")
        end(db, job)
        (view,) = await sue.event("job")
        assert (view["id"], view["state"]) == (job.id, "succeeded")


async def test_the_own_feed_rests_during_a_watch_and_comes_back_whole(
    node: Node, db: Store
) -> None:
    own, theirs = claimed(db, "sue"), claimed(db, "ann")
    async with node.socket(node.token("sue", "support")) as sue:
        await sue.emit("watch", {"user": "ann"})
        await sue.event("jobs", lambda event: "user" in event)
        end(db, own)
        end(db, theirs)
        (view,) = await sue.event("job")
        assert view["id"] == theirs.id
        assert await sue.emit("watch", {"user": None}) == {"ok": True, "user": None}
        page, cursor = await sue.event("jobs")
        assert [view["state"] for view in page["jobs"]] == ["succeeded"]
        assert (ids(page["jobs"]), page["reset"], "user" in page) == ({own.id}, True, False)
        assert isinstance(cursor, str)
        db.do(store.submit(new_spec("ann")))
        new = submitted(db, "sue")
        (view, cursor) = await sue.event("job")
        assert (view["id"], isinstance(cursor, str)) == (new.id, True)


async def test_a_watch_is_neither_presence_nor_receipt(node: Node, db: Store) -> None:
    job = claimed(db, "ann")
    async with node.socket(node.token("sue", "support")) as sue:
        await sue.emit("watch", {"user": "ann"})
        await sue.event("jobs", lambda event: "user" in event)
        assert db.do(presence.of("ann")).connections == ()
        ended = end(db, job)
        await sue.event("job")
        assert await sue.emit("presence", {"state": "active"}) == {"ok": True}
        refused = await sue.emit("seen", {"id": job.id, "version": ended.version})
        assert (refused["ok"], refused["problem"]["status"]) == (False, 404)
        # a receipt of the own would have been booked by now, and this one after it
        mine = end(db, claimed(db, "sue"))
        await sue.emit("watch", {"user": None})
        await sue.event("jobs")
        await sue.emit("seen", {"id": mine.id, "version": mine.version})
    for job_id, state in ((job.id, "waiting"), (mine.id, "skipped")):
        notice = db.do(store.load(job_id)).notice
        assert notice is not None
        assert notice.state == state


async def test_every_watch_is_in_the_audit_trail(node: Node, db: Store) -> None:
    async with node.socket(node.token("sue", "support")) as sue:
        await sue.emit("watch", {"user": "ann", "reason": "she called"})
        await sue.emit("watch", {"user": "bob"})
    last, first = db.do(audit.entries(9))
    assert (first.who, first.what, first.user, first.why) == ("sue", "watch", "ann", "she called")
    assert (last.user, last.why) == ("bob", "")
    assert first.at <= last.at


async def test_who_lacks_the_role_is_told_which(node: Node, db: Store) -> None:
    async with node.socket(node.token("bob", "operator", "user")) as bob:
        told = await bob.emit("watch", {"user": "ann"})
        assert (told["ok"], told["problem"]["status"]) == (False, 403)
        assert "'support'" in told["problem"]["detail"]
    assert ask(db, "EXISTS", audit.KEY) == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "user"),
        ({"user": ""}, "user"),
        ({"user": 7}, "user"),
        ({"user": "x" * 256}, "user"),
        ({"user": "ann", "reason": 7}, "reason"),
        ({"user": "ann", "reason": "x" * 501}, "reason"),
    ],
)
async def test_a_wrong_watch_is_told_so(node: Node, wrong: object, field: str) -> None:
    async with node.socket(node.token("sue", "support")) as sue:
        told = await sue.emit("watch", wrong)
        assert told["problem"]["errors"][0]["field"] == field


async def test_who_recovers_after_a_watch_goes_on_from_the_own_cursor(
    node: Node, db: Store
) -> None:
    theirs = claimed(db, "ann")
    token = node.token("sue", "support")
    async with node.socket(token) as sue:
        _, cursor = await sue.event("jobs")
        pid = sue.hello["pid"]
        await sue.emit("watch", {"user": "ann"})
        await sue.event("jobs")
        end(db, theirs)
        await sue.event("job")
    own = submitted(db, "sue")
    async with node.socket(token, pid=pid, offset=cursor) as back:
        view, _ = await back.event("job")
        assert (back.hello["pid"], view["id"]) == (pid, own.id)


async def test_a_watch_ends_with_the_role(node: Node) -> None:
    async with node.socket(node.token("sue", "support")) as sue:
        await sue.event("jobs")
        await sue.emit("watch", {"user": "ann"})
        await sue.event("jobs", lambda event: event.get("user") == "ann")
        assert (await sue.emit("auth:refresh", {"token": node.token("sue", "user")}))["ok"]
        page, cursor = await sue.event("jobs")
        assert ("user" in page, isinstance(cursor, str)) == (False, True)

"""From an ended job to a receiver: real requests to a real server with moods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringback import address, deliveries, delivery, webhooks
from ringback.connection import Store
from ringback.delivery import Answer, Delivery
from ringback.keys import key
from ringback.settings import load_settings
from ringback.testing import FakeStore
from ringback.webhook import APP, Webhook, delivery_id
from tasks.webhook_post import BROKEN_OFF, NO_CONNECTION, NOT_HTTP, NOT_SECURE, Post
from tasks.webhooks import Deliverer, Service
from tests.eye import P, ask, due, ended
from tests.links_site import self_signed
from tests.receiver import Names, Receiver
from tests.rig import Valkey, free_port, until

SOURCE = "https://ringback.example.com"


@pytest.fixture
def memory() -> FakeStore:
    """Its time passes when a test says so."""
    return FakeStore()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with Post(private=True) as post_:
        yield post_


@pytest.fixture
def deliverer(memory: FakeStore, post: Post) -> Deliverer:
    return Deliverer(memory.asynchronous(), post, SOURCE)


def hook(db: Store, url: str, owner: str = "ann") -> Webhook:
    return db.do(webhooks.register(owner, url))


def end_a_job(db: Store) -> str:
    job = ended(db)
    db.do(deliveries.fan_out(P, list(due(db, "fanout"))))
    return job.id


def newest(db: Store, known: Webhook) -> Delivery:
    return db.do(deliveries.latest(known.id, None, 1))[0]


# -- deliveries


@pytest.mark.parametrize("owner", ["ann", APP])
async def test_a_receiver_is_told_of_an_ended_job_once(
    owner: str, memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url(), owner)
    job = end_a_job(memory)
    await deliverer.deliver(known.id)
    await deliverer.deliver(known.id)
    (message,) = receiver.received
    assert message.id == message.event["id"] == delivery_id(known.id, job)
    assert message.headers["content-type"] == "application/cloudevents+json"
    assert message.headers["webhook-signature"].startswith("v1,")
    event = message.event
    assert (event["type"], event["subject"]) == ("ringback.job.succeeded", job)
    assert (event["owner"], event["source"]) == ("ann", SOURCE)
    assert (event["data"]["id"], event["data"]["result"]["summary"]) == (job, "Done")
    assert event["time"] == event["data"]["finished_at"]
    shown = newest(memory, known)
    assert (shown.state, shown.status, shown.attempts) == ("delivered", 200, 1)


async def test_a_test_is_sent_without_a_job(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url())
    memory.do(deliveries.test(known.id, "ann"))
    await deliverer.deliver(known.id)
    (message,) = receiver.received
    assert (message.event["type"], message.event["subject"]) == ("ringback.webhook.test", known.id)


async def test_many_deliveries_go_out_in_one_turn_a_few_at_once(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url("/tally"))
    jobs = {end_a_job(memory) for _ in range(3 * deliveries.AT_ONCE)}
    await deliverer.deliver(known.id)
    assert {message.event["subject"] for message in receiver.received} == jobs
    assert 1 < receiver.most <= deliveries.AT_ONCE


async def test_a_receiver_that_was_down_is_told_when_it_is_up(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, f"http://127.0.0.1:{free_port()}/fine")
    job = end_a_job(memory)
    await deliverer.deliver(known.id)
    shown = newest(memory, known)
    assert (shown.state, shown.reason) == ("waiting", "No connection could be made")
    memory.do(webhooks.change(known.id, "ann", {"url": receiver.url()}))
    await deliverer.deliver(known.id)
    assert receiver.received == [], "not before its time"
    memory.clock.advance(6)
    await deliverer.deliver(known.id)
    assert [message.id for message in receiver.received] == [delivery_id(known.id, job)]


async def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url("/much-later"))
    end_a_job(memory)
    await deliverer.deliver(known.id)
    for seconds, requests in ((590, 1), (80, 2)):
        memory.clock.advance(seconds)
        await deliverer.deliver(known.id)
        assert len(receiver.received) == requests


async def test_a_receiver_that_is_gone_is_switched_off(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url("/gone"))
    end_a_job(memory)
    await deliverer.deliver(known.id)
    assert memory.do(webhooks.load(known.id)).disabled == delivery.GONE


async def test_a_receiver_that_stays_broken_ends_in_a_dead_letter_and_a_replay_mends_it(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url("/broken"))
    end_a_job(memory)
    while (shown := newest(memory, known)).state == "waiting":
        memory.clock.reach(shown.next_at.ms if shown.next_at else 0)
        await deliverer.deliver(known.id)
        memory.clock.advance(300)  # the pauses of a failing webhook
    assert (shown.state, shown.status, shown.attempts) == ("dead", 500, delivery.TRIES)
    memory.do(webhooks.change(known.id, "ann", {"url": receiver.url()}))
    memory.do(deliveries.replay(shown.id))
    memory.clock.advance(300)
    await deliverer.deliver(known.id)
    assert newest(memory, known).state == "delivered"
    assert len({message.id for message in receiver.received}) == 1


async def test_a_job_that_was_deleted_before_its_delivery_is_told_as_such(
    memory: FakeStore, deliverer: Deliverer, receiver: Receiver
) -> None:
    known = hook(memory, receiver.url())
    ask(memory, "DEL", key(P, "job", end_a_job(memory)))
    await deliverer.deliver(known.id)
    assert newest(memory, known).reason == delivery.NO_JOB
    assert receiver.received == []
    assert memory.do(webhooks.load(known.id)).failing_since is None


def test_a_slow_receiver_holds_up_no_other_and_is_waited_for_at_the_end(
    real: Store, shared_valkey: Valkey, receiver: Receiver
) -> None:
    slow, fine = hook(real, receiver.url("/slow")), hook(real, receiver.url())
    end_a_job(real)
    service = Service(load_settings(store_url=shared_valkey.url, dev=True))
    for known in slow, fine, slow:
        service.hear(known.id)
    until(lambda: newest(real, fine).state == "delivered")
    assert newest(real, slow).state == "sending"
    receiver.release()
    service.close()
    assert newest(real, slow).state == "delivered"
    assert receiver.times("/slow") == 1


# -- answers


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/fine", Answer(200, "Answered 200")),
        ("/huge", Answer(200, "Answered 200")),
        ("/missing", Answer(404, "Answered 404")),
        ("/busy", Answer(503, "Answered 503", 0)),
        ("/much-later", Answer(429, "Answered 429", 600_000)),
        ("/reset", BROKEN_OFF),
        (
            "/to?at=/fine",
            Answer(302, "Answered 302, a redirect; give the address that it leads to"),
        ),
    ],
)
async def test_answers_are_told_in_few_words(
    path: str, answer: Answer, post: Post, receiver: Receiver
) -> None:
    assert await post.send(receiver.url(path), b"{}", {}) == answer
    assert receiver.times("/fine") == (path == "/fine"), "a redirect isn't followed"


async def test_a_receiver_that_takes_too_long_is_left(receiver: Receiver) -> None:
    async with Post(private=True, timeout=0.2) as post:
        answer = await post.send(receiver.url("/slow"), b"{}", {})
    assert answer == Answer(None, "No answer within 0.2 seconds")


async def test_a_message_that_was_taken_is_taken_however_its_answer_goes_on() -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
    async with saying(short) as url, Post(private=True, timeout=0.5) as post:
        answer = await post.send(url, b"{}", {})
    assert answer.status == 200


async def test_what_is_no_http_is_told(post: Post) -> None:
    async with saying(b"220 mail.example.com ready\r\n") as url:
        assert await post.send(url, b"{}", {}) == NOT_HTTP


@asynccontextmanager
async def saying(words: bytes) -> AsyncIterator[str]:
    """A server that says this to one client, and then waits for it to hang up."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await over.wait()


# -- whom it doesn't reach


async def test_a_name_that_leads_inside_by_the_time_of_delivery_is_not_followed(
    tmp_path: Path,
) -> None:
    inside = Receiver(self_signed(tmp_path))
    url = inside.url().replace("127.0.0.1", "rebound.example.com")
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    await address.check(url, names, private=False)
    async with Post(private=False, resolver=names) as post:
        assert await post.send(url, b"{}", {}) == NO_CONNECTION
    async with Post(private=True, resolver=names) as post:
        assert await post.send(url, b"{}", {}) == NOT_SECURE, "it was there to be reached"
    assert inside.received == []
    inside.close()


@pytest.mark.parametrize("url", ["http://93.184.215.14/", "https://ann@93.184.215.14/"])
async def test_an_address_that_was_fine_under_other_settings_is_checked_again(url: str) -> None:
    async with Post(private=False) as post:
        answer = await post.send(url, b"{}", {})
    assert (answer.status, answer.reason[:17]) == (None, "The address must ")


async def test_refused_unknown_and_private_look_the_same() -> None:
    port = free_port()
    async with Post(private=True) as open_post, Post(private=False) as post:
        told = {
            await open_post.send(f"http://127.0.0.1:{port}/", b"{}", {}),
            await post.send(f"https://127.0.0.1:{port}/", b"{}", {}),
            await post.send(f"https://10.0.0.1:{port}/", b"{}", {}),
            await post.send(f"https://nobody.invalid:{port}/", b"{}", {}),
        }
    assert told == {NO_CONNECTION}

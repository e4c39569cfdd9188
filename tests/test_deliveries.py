"""Webhooks and their deliveries in a store, the real one and the one in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from ringback import deliveries, delivery, webhook, webhooks
from ringback.connection import Store
from ringback.deliveries import AT_ONCE, Claim
from ringback.delivery import Answer, judge
from ringback.errors import TooManyWebhooks, WebhookDisabled, WebhookNotFound
from ringback.keys import due_key, key
from ringback.webhook import APP, APP_HOME, Webhook, delivery_id, home_of
from tests.eye import P, ask, due, ended, everything, now

URL = "https://example.com/hook"
FINE, BROKEN, GONE = Answer(200, "Answered 200"), Answer(500, "Answered 500"), Answer(410, "")


@pytest.fixture
def db(either: Store) -> Store:
    """Every test here holds for the real store and for the one in memory."""
    return either


def hook(db: Store, owner: str = "ann", *types: str) -> Webhook:
    return db.do(webhooks.register(owner, URL, types))


def fan_out(db: Store) -> list[str]:
    """What a supervisor does with all jobs that have ended."""
    return db.do(deliveries.fan_out(P, list(due(db, "fanout"))))


def told(db: Store, known: Webhook) -> list[str]:
    """The deliveries of a webhook, newest first."""
    return [each.id for each in db.do(deliveries.latest(known.id, None, 100))]


def claimed(db: Store, known: Webhook, token: str = "") -> Claim:
    held = db.do(deliveries.claim(known.id, token or secrets.token_hex(8)))
    assert held is not None
    return held


def settle(db: Store, held: Claim, answer: Answer) -> bool:
    """All of a claim's deliveries come to the same end."""
    ends = [(one.id, judge(one.tries, held.now - one.at, answer)) for one in held.due]
    kept = [db.do(deliveries.settle(held, name, verdict)) for name, verdict in ends]
    return all(kept)


def deliver(db: Store, known: Webhook, answer: Answer) -> Claim:
    held = claimed(db, known)
    assert settle(db, held, answer)
    db.do(deliveries.release(held))
    return held


def hasten(db: Store, known: Webhook) -> None:
    """Lets all waits of a webhook pass, its pauses too."""
    home = home_of(known.id)
    for name in told(db, known):
        ask(db, "ZADD", key(home, "waiting", known.id), "XX", 1, name)
    ask(db, "HDEL", key(home, "webhook", known.id), "paused_until")


def loaded(db: Store, known: Webhook) -> Webhook:
    return db.do(webhooks.load(known.id))


# -- from ended jobs to deliveries


def test_an_ended_job_becomes_one_delivery_to_each_webhook_that_wants_it(db: Store) -> None:
    all_types, this, other = hook(db), hook(db, "ann", "csv.import"), hook(db, "ann", "links.check")
    app, foreign = hook(db, APP, "csv.import"), hook(db, "bob")
    job = ended(db)
    assert list(due(db, "fanout")) == [job.id]
    jobs = list(due(db, "fanout"))
    assert set(db.do(deliveries.fan_out(P, jobs))) == {all_types.id, this.id}
    db.do(deliveries.fan_out(P, jobs))  # the supervisor before it died over it
    for known in all_types, this, app:
        assert told(db, known) == [delivery_id(known.id, job.id)]
    assert told(db, other) == told(db, foreign) == []
    assert due(db, "fanout") == {}
    assert set(due(db, "webhook")) == {all_types.id, this.id}
    assert db.do(deliveries.due_of_app()) == [app.id]


def test_where_there_are_no_webhooks_nothing_is_left_of_the_duty(db: Store) -> None:
    ended(db)
    assert fan_out(db) == []
    assert due(db, "fanout") == due(db, "webhook") == {}
    assert not [name for name in everything(db) if b"deliver" in name or b"hook" in name]


def test_a_job_that_was_deleted_meanwhile_is_no_duty_any_more(db: Store) -> None:
    hook(db)
    hook(db, APP)
    job = ended(db)
    ask(db, "DEL", key(P, "job", job.id))
    assert fan_out(db) == []
    assert due(db, "fanout") == {}


# -- claims


def test_one_deliverer_at_a_time_is_at_a_webhook(db: Store) -> None:
    known = hook(db)
    job = ended(db)
    fan_out(db)
    held = claimed(db, known)
    assert [one.id for one in held.due] == [delivery_id(known.id, job.id)]
    assert (held.url, held.secrets) == (URL, known.secrets)
    assert db.do(deliveries.claim(known.id, "other")) is None
    settle(db, held, FINE)
    db.do(deliveries.release(held))
    assert claimed(db, known, "other").due == ()


def test_what_a_dead_deliverer_held_is_sent_again_under_the_same_id(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    dead = claimed(db, known)
    assert due(db, "webhook")[known.id] > now(db), "nobody else is rung meanwhile"
    ask(db, "HSET", key(P, "webhook", known.id), "claim_until", 1)
    successor = claimed(db, known)
    assert [one.id for one in successor.due] == [one.id for one in dead.due]
    assert [one.tries for one in successor.due] == [2]
    assert not settle(db, dead, BROKEN), "it was taken for dead, and has no say"
    assert settle(db, dead, FINE), "but what it delivered is delivered"
    (shown,) = db.do(deliveries.latest(known.id, "ann", 10))
    assert (shown.state, shown.attempts) == ("delivered", 2)


def test_repeated_calls_whose_answers_got_lost_change_nothing(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    twice(db, deliveries.claim(known.id, "mine"))
    held = claimed(db, known, "mine")
    verdict = judge(1, 0, BROKEN)
    twice(db, deliveries.settle(held, held.due[0].id, verdict))
    (shown,) = db.do(deliveries.latest(known.id, "ann", 10))
    assert (shown.state, shown.attempts) == ("waiting", 2)
    assert ask(db, "HGET", key(P, "webhook", known.id), "failures") == b"1"


def twice(db: Store, op: Any) -> None:
    """Carries each call out two times, as redis-py does after a timeout."""

    def doubled() -> Any:
        reply = None
        try:
            while True:
                call = op.send(reply)
                yield call
                reply = yield call
        except StopIteration as end:
            return end.value

    db.do(doubled())


def test_few_requests_go_to_one_webhook_at_once(db: Store) -> None:
    known = hook(db)
    for _ in range(AT_ONCE + 2):
        ended(db)
    fan_out(db)
    held = claimed(db, known, "mine")
    assert len(held.due) == AT_ONCE
    settle(db, held, FINE)
    assert len(claimed(db, known, "mine").due) == 2


# -- failures


def test_a_failed_delivery_waits_for_its_time(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    held = deliver(db, known, BROKEN)
    (shown,) = db.do(deliveries.latest(known.id, "ann", 10))
    assert (shown.state, shown.status, shown.reason) == ("waiting", 500, "Answered 500")
    assert shown.next_at is not None
    assert 5_000 <= shown.next_at.ms - held.now <= 10_000
    assert due(db, "webhook") == {known.id: shown.next_at.ms}
    assert loaded(db, known).failing_since is not None
    hasten(db, known)
    deliver(db, known, FINE)
    assert loaded(db, known).failing_since is None
    assert due(db, "webhook") == {}


def test_a_delivery_that_fails_each_time_becomes_a_dead_letter(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    for _ in range(delivery.TRIES):
        hasten(db, known)
        deliver(db, known, BROKEN)
    (shown,) = db.do(deliveries.latest(known.id, "ann", 10, "dead"))
    assert (shown.state, shown.attempts) == ("dead", delivery.TRIES)
    assert shown.reason == "Answered 500; given up after 8 tries"
    assert shown.next_at is None
    assert due(db, "webhook") == {}


def test_a_receiver_that_fails_is_tried_by_one_delivery_at_a_time(db: Store) -> None:
    known = hook(db)
    for _ in range(AT_ONCE):
        ended(db)
    fan_out(db)
    deliver(db, known, BROKEN)
    paused = loaded(db, known).paused_until
    assert paused is not None
    assert 25_000 < paused.ms - now(db) < 40_000
    assert db.do(deliveries.claim(known.id, "early")) is None
    hasten(db, known)
    assert len(deliver(db, known, BROKEN).due) == 1
    longer = loaded(db, known).paused_until
    assert longer is not None
    assert 55_000 < longer.ms - now(db) < 70_000
    hasten(db, known)
    deliver(db, known, FINE)
    assert loaded(db, known).paused_until is None
    assert len(claimed(db, known).due) == AT_ONCE - 1


def test_a_receiver_that_asks_to_wait_gets_nothing_until_then_and_no_try_is_spent(
    db: Store,
) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    deliver(db, known, Answer(429, "Answered 429", 120_000))
    ended(db)
    fan_out(db)
    assert db.do(deliveries.claim(known.id, "early")) is None
    assert due(db, "webhook")[known.id] == pytest.approx(now(db) + 120_000, abs=15_000)
    hasten(db, known)
    assert [one.tries for one in claimed(db, known).due] == [1, 1]


def test_a_receiver_that_asks_to_wait_has_not_failed_however_often_it_does(db: Store) -> None:
    known = hook(db)
    for _ in range(AT_ONCE):
        ended(db)
    fan_out(db)
    for _ in range(3):
        held = deliver(db, known, Answer(503, "Answered 503", 20_000))
        after = loaded(db, known)
        assert len(held.due) == AT_ONCE, "as many at once as before"
        assert after.failing_since is None
        assert after.paused_until is not None
        assert 20_000 <= after.paused_until.ms - held.now < 25_000
        for shown in db.do(deliveries.latest(known.id, "ann", 100)):
            assert (shown.attempts, shown.tries, shown.status) == (0, 0, 503)
            assert shown.next_at == after.paused_until
        hasten(db, known)
    deliver(db, known, FINE)
    assert {one.attempts for one in db.do(deliveries.latest(known.id, "ann", 100))} == {1}


def test_a_wait_whose_answer_got_lost_gives_one_try_back(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    deliver(db, known, BROKEN)
    hasten(db, known)
    held = claimed(db, known)
    verdict = judge(held.due[0].tries, 0, Answer(503, "Answered 503", 20_000))
    twice(db, deliveries.settle(held, held.due[0].id, verdict))
    (shown,) = db.do(deliveries.latest(known.id, "ann", 10))
    assert (shown.attempts, shown.tries) == (1, 1)


def test_a_claim_ends_with_a_pause_or_it_would_outlast_a_short_one(db: Store) -> None:
    known = hook(db)
    for _ in range(AT_ONCE):
        ended(db)
    fan_out(db)
    held = claimed(db, known, "mine")
    settle(db, held, Answer(503, "Answered 503", 2_000))
    assert db.do(deliveries.claim(known.id, "mine")) is None
    paused = loaded(db, known).paused_until
    assert paused is not None
    assert due(db, "webhook") == {known.id: paused.ms}


def test_a_delivery_shows_when_it_is_really_tried_though_its_webhook_is_paused(db: Store) -> None:
    known = hook(db)
    for _ in range(AT_ONCE):
        ended(db)
    fan_out(db)
    deliver(db, known, BROKEN)
    paused = loaded(db, known).paused_until
    waiting = db.do(deliveries.latest(known.id, "ann", 100))
    assert {one.next_at for one in waiting} == {paused}


def test_a_receiver_that_is_gone_gets_nothing_more(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    deliver(db, known, GONE)
    off = loaded(db, known)
    assert (off.enabled, off.disabled) == (False, delivery.GONE)
    ended(db)
    fan_out(db)
    assert [one.state for one in db.do(deliveries.latest(known.id, "ann", 10))] == ["dead"]
    with pytest.raises(WebhookDisabled, match="410 Gone"):
        db.do(deliveries.test(known.id, "ann"))


def test_a_receiver_that_fails_for_days_is_switched_off_and_what_waits_is_kept(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    ask(db, "HSET", key(P, "webhook", known.id), "failing_since", 1, "failures", 9)
    deliver(db, known, BROKEN)
    off = loaded(db, known)
    assert (off.enabled, off.disabled) == (
        False,
        "Every delivery failed for 5 days; the last one: Answered 500",
    )
    assert due(db, "webhook") == {}
    db.do(webhooks.change(known.id, "ann", {"enabled": True}))
    on = loaded(db, known)
    assert (on.enabled, on.disabled, on.failing_since) == (True, "", None)
    hasten(db, known)
    assert len(claimed(db, known).due) == 1


# -- owners and operators


def test_a_webhook_is_its_owners_alone(db: Store) -> None:
    known = hook(db)
    calls: list[Callable[[], Any]] = [
        lambda: db.do(webhooks.load(known.id, "bob")),
        lambda: db.do(webhooks.change(known.id, "bob", {"enabled": False})),
        lambda: db.do(webhooks.rotate(known.id, "bob")),
        lambda: db.do(webhooks.remove(known.id, "bob")),
        lambda: db.do(deliveries.test(known.id, "bob")),
        lambda: db.do(deliveries.latest(known.id, "bob", 10)),
        lambda: db.do(webhooks.load("wh_../../x", "bob")),
        lambda: db.do(deliveries.replay("wh_000000000000000000_x")),
    ]
    for call in calls:
        with pytest.raises(WebhookNotFound):
            call()
    assert loaded(db, known) == known
    assert db.do(webhooks.listed("ann")) == [known]
    assert db.do(webhooks.listed("bob")) == db.do(webhooks.listed(APP)) == []


def test_a_user_has_ten_webhooks_at_most(db: Store) -> None:
    for _ in range(webhooks.MOST):
        hook(db)
    with pytest.raises(TooManyWebhooks, match="10 webhooks already"):
        hook(db)


def test_a_replaced_secret_signs_for_another_day(db: Store) -> None:
    known = hook(db)
    after = db.do(webhooks.rotate(known.id, "ann"))
    new, old = after.secrets
    assert (new.until, old.value) == (None, known.secrets[0].value)
    assert old.until is not None
    assert old.until == pytest.approx(now(db) + webhook.OVERLAP, abs=5_000)
    assert webhook.live(after.secrets, old.until) == [new]
    twice(db, webhooks.rotate(known.id, "ann"))
    assert len(loaded(db, known).secrets) == 3


def test_nothing_stays_of_a_removed_webhook_but_records_that_run_out(db: Store) -> None:
    known = hook(db)
    ended(db)
    fan_out(db)
    held = claimed(db, known)
    db.do(webhooks.remove(known.id, "ann"))
    assert not settle(db, held, BROKEN)
    db.do(deliveries.release(held))
    assert fan_out(db) == []
    left = [name for name in everything(db) if known.id.encode() in name]
    assert len(left) == 1
    assert ask(db, "PTTL", left[0]) > 0


def test_a_test_is_a_delivery_like_others(db: Store) -> None:
    known = hook(db)
    made = db.do(deliveries.test(known.id, "ann"))
    assert made.state == "waiting"
    assert [one.id for one in claimed(db, known).due] == [made.id]


def test_an_operator_sends_a_delivery_again_whatever_became_of_it(db: Store) -> None:
    known = hook(db, APP)
    job = ended(db)
    fan_out(db)
    deliver(db, known, FINE)
    name = delivery_id(known.id, job.id)
    assert db.do(deliveries.replay(name)).state == "waiting"
    assert due_of_app(db) == [known.id]
    assert [one.tries for one in claimed(db, known).due] == [1]


def test_dead_letters_since_a_moment_are_sent_again_together(db: Store) -> None:
    known = hook(db)
    for answer in (FINE, GONE, GONE):
        ended(db)
        fan_out(db)
        deliver(db, known, answer)
        db.do(webhooks.change(known.id, "ann", {"enabled": True}))
    assert len(db.do(deliveries.replayable(known.id, 0, delivered=True))) == 3
    names = db.do(deliveries.replayable(known.id, 0))
    assert len(names) == 2
    assert db.do(deliveries.replayable(known.id, now(db) + 1)) == []
    assert db.do(deliveries.replay_all(known.id, names)) == 2
    assert {one.id for one in claimed(db, known).due} == set(names)


def due_of_app(db: Store) -> list[str]:
    found = ask(db, "ZRANGE", due_key(APP_HOME, "webhook"), 0, -1)
    return [name.decode() for name in found]

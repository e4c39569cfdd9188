"""Webhooks when the process that sends to them dies: told again, under the same id."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ringback import deliveries, webhooks
from ringback.connection import Store
from ringback.delivery import Delivery
from ringback.keys import due_key
from ringback.webhook import delivery_id, home_of
from tests.eye import ask, ended
from tests.receiver import Receiver
from tests.rig import Rig, until


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A supervisor, and nobody yet who sends."""
    whole = Rig(tmp_path_factory.mktemp("webhooks"))
    whole.supervisor()
    yield whole
    whole.close()


def test_what_a_killed_deliverer_sent_but_did_not_record_comes_again_under_the_same_id(
    rig: Rig,
) -> None:
    db, receiver = Store(rig.valkey.url), Receiver()
    known = db.do(webhooks.register("ann", receiver.url("/slow")))
    first = rig.mailer()
    job = ended(db)
    until(lambda: len(receiver.received) == 1, what="the message is out")
    first.kill()
    receiver.release()

    ask(db, "HSET", webhooks.webhook_key(known.id), "claim_until", 1)  # 30 seconds pass
    ask(db, "ZADD", due_key(home_of(known.id), "webhook"), "XX", 1, known.id)
    second = rig.mailer()

    def newest() -> Delivery:
        return db.do(deliveries.latest(known.id, "ann", 1))[0]

    until(lambda: newest().state == "delivered", what="its successor delivers it")
    assert [message.id for message in receiver.received] == [delivery_id(known.id, job.id)] * 2
    assert newest().attempts == 2
    assert second.stop() == 0
    receiver.close()
    db.close()

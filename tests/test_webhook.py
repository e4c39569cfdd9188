"""What a webhook is told, how that is signed, and when it is told again."""

from __future__ import annotations

import time

import orjson
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gateway.examples import VIEW
from gateway.models import WHEN
from gateway.webhook_models import JobEnded, Trial
from ringback import address, delivery, webhook
from ringback.delivery import SCHEDULE, TRIES, Answer, judge
from ringback.errors import BadAddress
from ringback.guard import Resolver
from ringback.state import TERMINAL
from ringback.webhook import Secret
from tests.receiver import Names

JOB = "1f-01971c2e-0000-7000-8000-000000000000"
HOOK = "wh_1f0123456789abcdef"
NAME = webhook.delivery_id(HOOK, JOB)


def _now() -> int:
    return round(time.time() * 1000)


# -- ids


def test_a_delivery_s_id_tells_its_webhook_and_its_job() -> None:
    assert webhook.parts_of(NAME) == (HOOK, JOB)
    assert "." not in NAME, "the signature's parts are joined by full stops"
    for wrong in ("", "x", HOOK, f"{HOOK}_", f"{HOOK}_{JOB}x", f"wh_zz0123456789abcdef_{JOB}"):
        assert webhook.parts_of(wrong) is None


@pytest.mark.parametrize(("owner", "home"), [("ann", "73"), (webhook.APP, "hooks")])
def test_a_webhook_s_id_tells_where_it_lives(owner: str, home: str) -> None:
    made = webhook.new_webhook_id(owner)
    assert webhook.is_webhook_id(made)
    assert webhook.home_of(made) == home


# -- when it is told again


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_an_end(status: int) -> None:
    assert judge(1, 0, Answer(status, "")).state == "delivered"


@pytest.mark.parametrize("status", [None, 302, 400, 404, 429, 500, 503])
def test_other_answers_are_tried_again_by_the_schedule_and_then_given_up(
    status: int | None,
) -> None:
    for tries, wait in enumerate(SCHEDULE, start=1):
        verdict = judge(tries, 0, Answer(status, "No"))
        assert (verdict.state, verdict.tries) == ("waiting", tries)
        assert wait <= verdict.delay <= wait * 1.1
    last = judge(TRIES, 0, Answer(status, "No"))
    assert (last.state, last.reason) == ("dead", "No; given up after 8 tries")


def test_the_schedule_ends_after_about_a_day() -> None:
    assert 24 <= sum(SCHEDULE) / 3_600_000 <= 30


@pytest.mark.parametrize(
    ("asked", "least"), [(0, 1_000), (120_000, 120_000), (10**12, delivery.LONGEST_WAIT)]
)
def test_who_asks_to_wait_is_waited_for_within_reason(asked: int, least: int) -> None:
    verdict = judge(3, 0, Answer(503, "Busy", asked))
    assert (verdict.state, verdict.tries, verdict.pause) == ("waiting", 2, least)
    assert least <= verdict.delay <= least * 1.1
    late = judge(3, delivery.BUSY_FOR + 1, Answer(503, "Busy", asked))
    assert (late.state, late.reason) == ("dead", "Busy; put off for 3 days")


def test_retry_after_means_nothing_with_other_answers() -> None:
    assert judge(1, 0, Answer(500, "No", 3_600_000)).delay < 10_000


# -- what it is told


def test_the_event_is_a_cloud_event_with_the_view_as_it_is() -> None:
    view = orjson.dumps({"id": JOB, "state": "partial", "finished_at": "2026-01-31T09:30:00.123Z"})
    event = orjson.loads(webhook.event_of(NAME, "https://ringback.example.com", "ann", view))
    assert event == {
        "specversion": "1.0", "id": NAME, "source": "https://ringback.example.com",
        "type": "ringback.job.partial", "subject": JOB, "time": "2026-01-31T09:30:00.123Z",
        "datacontenttype": "application/json", "owner": "ann", "data": orjson.loads(view),
    }  # fmt: skip


def test_what_is_sent_is_what_openapi_describes() -> None:
    view = VIEW.model_copy(update={"state": "partial", "finished_at": WHEN}).model_dump_json()
    for state in TERMINAL:
        ended = view.replace('"partial"', f'"{state}"').encode()
        told = webhook.event_of(NAME, "https://ringback.example.com", "ann", ended)
        assert JobEnded.model_validate_json(told).model_dump() == orjson.loads(told)
    told = webhook.test_of(NAME, "https://ringback.example.com", HOOK, 0)
    assert Trial.model_validate_json(told).model_dump() == orjson.loads(told)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret, body = Secret(webhook.new_secret()), b'{"specversion":"1.0"}'
    headers = webhook.headers(NAME, body, [secret], _now())
    assert Verifier(secret.value).verify(body, headers) == {"specversion": "1.0"}
    for wrong in (headers | {"webhook-id": f"{NAME}x"}, headers | {"webhook-timestamp": "1"}):
        with pytest.raises(WebhookVerificationError):
            Verifier(secret.value).verify(body, wrong)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret.value).verify(body + b" ", headers)


def test_while_a_secret_is_replaced_both_verify() -> None:
    old, new, now = webhook.new_secret(), webhook.new_secret(), _now()
    secrets = webhook.rotated([Secret(old)], new, now)
    both = webhook.headers(NAME, b"{}", secrets, now)
    for secret in old, new:
        Verifier(secret).verify(b"{}", both)
    secrets = tuple(Secret(s.value, s.until and now) for s in secrets)  # a day later
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(b"{}", webhook.headers(NAME, b"{}", secrets, now))


def test_secrets_that_are_replaced_again_end_when_they_were_to() -> None:
    first = webhook.rotated([Secret("a")], "b", 1_000)
    again = webhook.rotated(first, "c", 2_000)
    assert again == (
        Secret("c"), Secret("b", 2_000 + webhook.OVERLAP), Secret("a", 1_000 + webhook.OVERLAP),
    )  # fmt: skip
    assert webhook.rotated(again, "d", 3_000 + webhook.OVERLAP)[1:] == (
        Secret("c", 3_000 + 2 * webhook.OVERLAP),
    )


# -- where it may be


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hook", "https://example.com:8443/?a=b", "https://[2606:4700::1111]/"],
)
def test_public_https_addresses_are_fine(url: str) -> None:
    assert address.parse(url, private=False)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "start with https"),
        ("example.com", "start with https"),
        ("http://example.com/", "start with https"),
        ("ftp://example.com/", "start with https"),
        ("https:///hook", "start with https"),
        ("https://[::1", "an address such as"),
        ("https://xn--/", "an address such as"),
        ("https://example.com:+8443/", "a port of digits"),
        ("https://example.com:8_443/", "a port of digits"),
        ("https://example.com:065535/", "a port of digits"),
        ("https://example.com:\uff18\uff14\uff14\uff13/", "a port of digits"),
        ("https://example.com:?8443", "a port of digits"),
        ("https://[2606:2800::1]:+8443", "a port of digits"),
        ("https://example.com:99999/", "an address such as"),
        ("https://ann:secret@example.com/", "no user or password"),
        ("https://ann@example.com/", "no user or password"),
        ("https://example.com/#part", "no fragment"),
        ("https://example.com:22/", "port 443, or one from 1024 on"),
        ("https://example.com:80/", "port 443, or one from 1024 on"),
        ("https://example.com/a b", "no spaces"),
        ("https://example.com/\r\nX: y", "no spaces"),
        (f"https://example.com/{'x' * 2_000}", "at most 2,000 characters"),
    ],
)
def test_what_an_address_must_not_be_is_told(url: str, told: str) -> None:
    with pytest.raises(BadAddress, match=told):
        address.parse(url, private=False)


def test_in_private_networks_plain_http_and_any_port_will_do() -> None:
    assert address.parse("http://localhost:80/", private=True)
    with pytest.raises(BadAddress, match="no user"):
        address.parse("http://ann@localhost/", private=True)


async def test_a_name_that_leads_to_public_addresses_is_fine() -> None:
    await address.check("https://example.com/", Names(["93.184.215.14"]), private=False)


@pytest.mark.parametrize(
    "found",
    [
        [],
        ["127.0.0.1"], ["10.0.0.1"], ["172.16.0.1"], ["192.168.1.1"],
        ["169.254.169.254"],  # where clouds tell their machines secrets
        ["100.64.0.1"],  # behind a provider's NAT
        ["224.0.0.1"], ["0.0.0.0"], ["255.255.255.255"],
        ["::1"], ["fd00::1"], ["fe80::1"], ["ff02::1"], ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"], ["64:ff9b:1::a00:1"], ["2002:7f00:1::"], ["2001:db8::1"],
        ["93.184.215.14", "10.0.0.1"],
    ],
)  # fmt: skip
async def test_names_that_lead_nowhere_or_inside_are_refused_with_the_same_words(
    found: list[str],
) -> None:
    with pytest.raises(BadAddress) as caught:
        await address.check("https://inside.example.com/", Names(found), private=False)
    assert str(caught.value) == "must have a host that leads to a public address"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::]"])
async def test_spellings_of_this_machine_are_refused(host: str) -> None:
    resolver = Resolver()
    with pytest.raises(BadAddress):
        await address.check(f"https://{host}/", resolver, private=False)
    await resolver.close()

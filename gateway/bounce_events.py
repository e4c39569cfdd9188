"""What those who send emails for us say about them, as news: our own JSON, and what Amazon SES (by
SNS), Mailgun, Postmark and SendGrid post. Pure; what doesn't fit is left out, never an error, since
providers add to what they post.

Each adapter knows a provider's shape when it sees it, and takes from it what is documented there:

======== ==========================================================================================
SES      https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
Mailgun  https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
Postmark https://postmarkapp.com/developer/webhooks/bounce-webhook
SendGrid https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
======== ==========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from ringback import dsn
from ringback.bounce import Kind, News

LONGEST = 2_000  #: characters of what is taken from a field
GONE, FULL, BUSY, REFUSED = "5.1.1", "4.2.2", "4.0.0", "5.7.1"
#: Where an SNS subscription is confirmed: nowhere but there is an operator sent.
_CONFIRM = re.compile(r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/\S{1,1000}")


class Told(NamedTuple):
    """News, and the id by which the teller knows it ("": none)."""

    id: str
    news: News


def read(data: Any) -> list[Told] | None:
    """The news in a provider's JSON; None where it is no provider's that we know."""
    for knows, adapt in ADAPTERS:
        if knows(data):
            return list(adapt(data))
    return None


def confirmation(data: Any) -> str | None:
    """Where Amazon SNS wants to be told that its messages are welcome here."""
    url = _text(data, "SubscribeURL")
    wanted = _text(data, "Type") == "SubscriptionConfirmation" and _CONFIRM.fullmatch(url)
    return url if wanted else None


def _at(data: Any, *path: str) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _text(data: Any, *path: str) -> str:
    found = _at(data, *path)
    plain = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found)[:LONGEST] if plain else ""


def _list(data: Any, *path: str) -> list[Any]:
    found = _at(data, *path)
    return found if isinstance(found, list) else []


def _message_id(text: str) -> str:
    bare = text.strip().strip("<>")
    return f"<{bare}>" if bare else ""


def _to(*addresses: str) -> tuple[str, ...]:
    return tuple(address for address in addresses if address)


# -- Amazon SES: by SNS, or what SNS passes on "raw"


def _is_sns(data: Any) -> bool:
    return _text(data, "Type") in ("Notification", "SubscriptionConfirmation") and bool(
        _text(data, "TopicArn")
    )


def _sns(data: Any) -> Iterator[Told]:
    try:
        inner = orjson.loads(_at(data, "Message") or b"")
    except (orjson.JSONDecodeError, TypeError):
        return
    if _is_ses(inner):
        yield from _ses(inner)


def _is_ses(data: Any) -> bool:
    return isinstance(_at(data, "mail"), dict) and bool(_ses_kind(data))


def _ses_kind(data: Any) -> str:
    return _text(data, "notificationType") or _text(data, "eventType")


def _ses(data: Any) -> Iterator[Told]:
    headers = {
        _text(each, "name").lower(): _text(each, "value") for each in _list(data, "mail", "headers")
    }
    told = _text(data, "mail", "commonHeaders", "messageId") or headers.get("message-id", "")
    job = headers.get("x-ringback-job", "").partition(",")[0].strip()
    about = {"message_id": _message_id(told), "job": job}
    match _ses_kind(data):
        case "Bounce":
            final = _text(data, "bounce", "bounceType") == "Permanent"
            full = _text(data, "bounce", "bounceSubType") == "MailboxFull"
            otherwise = GONE if final else FULL if full else BUSY
            for each in _list(data, "bounce", "bouncedRecipients"):
                diagnostic = _text(each, "diagnosticCode").removeprefix("smtp;").strip()
                yield Told(
                    _text(data, "bounce", "feedbackId"),
                    News(
                        kind="bounce", recipients=_to(_text(each, "emailAddress")),
                        status=_text(each, "status") or otherwise, diagnostic=diagnostic, **about,
                    ),
                )  # fmt: skip
        case "Complaint" if _text(data, "complaint", "complaintFeedbackType") != "not-spam":
            for each in _list(data, "complaint", "complainedRecipients"):
                to = _to(_text(each, "emailAddress"))
                news = News(kind="complaint", recipients=to, **about)
                yield Told(_text(data, "complaint", "feedbackId"), news)
        case "Delivery":
            for address in _list(data, "delivery", "recipients"):
                to = _to(str(address)[:LONGEST])
                yield Told("", News(kind="delivered", recipients=to, **about))
        case "DeliveryDelay":
            for each in _list(data, "deliveryDelay", "delayedRecipients"):
                to = _to(_text(each, "emailAddress"))
                yield Told("", News(kind="delayed", recipients=to, **about))


# -- Mailgun


def _is_mailgun(data: Any) -> bool:
    return isinstance(_at(data, "event-data"), dict)


def _mailgun(data: Any) -> Iterator[Told]:
    event = data["event-data"]
    kind = _MAILGUN.get((_text(event, "event"), _text(event, "severity")))
    if kind is None:
        return
    answer = _at(event, "delivery-status")
    diagnostic = " ".join(_to(_text(answer, "code"), _text(answer, "message")))
    gone = _text(event, "reason") == "suppress-bounce"
    yield Told(
        _text(event, "id"),
        News(
            kind=kind, recipients=_to(_text(event, "recipient")),
            status=GONE if gone else dsn.status(_text(answer, "enhanced-code"), diagnostic),
            diagnostic=diagnostic if kind == "bounce" else "",
            message_id=_message_id(_text(event, "message", "headers", "message-id")),
        ),
    )  # fmt: skip


_MAILGUN: dict[tuple[str, str], Kind] = {
    ("failed", "permanent"): "bounce", ("failed", "temporary"): "delayed",
    ("complained", ""): "complaint", ("delivered", ""): "delivered",
}  # fmt: skip


# -- Postmark


def _is_postmark(data: Any) -> bool:
    return bool(_text(data, "RecordType")) and bool(_text(data, "MessageID"))


def _postmark(data: Any) -> Iterator[Told]:
    complains = _text(data, "RecordType") == "SpamComplaint"
    wanted = _POSTMARK.get(_text(data, "Type"))
    if not (complains or (_text(data, "RecordType") == "Bounce" and wanted)):
        return
    details = _text(data, "Details")
    yield Told(
        _text(data, "ID"),
        News(
            kind="complaint" if complains else "bounce", recipients=_to(_text(data, "Email")),
            status="" if complains else dsn.status("", details) or wanted or "",
            diagnostic="" if complains else details, **_returned(data),
        ),
    )  # fmt: skip


def _returned(data: Any) -> dict[str, str]:
    """Postmark names our email by an id of its own; ours is in the email that it hands on."""
    content = _at(data, "Content")
    if not isinstance(content, str):
        return {}
    try:
        report = dsn.read(content.encode("utf-8", "replace"))[0]
    except dsn.Unreadable:
        return {}
    return {"message_id": report.message_id, "job": report.job}


_POSTMARK = {
    "HardBounce": GONE, "BadEmailAddress": GONE, "ManuallyDeactivated": GONE, "SoftBounce": BUSY,
    "Transient": BUSY, "DnsError": BUSY, "Unknown": BUSY, "SpamNotification": REFUSED,
    "Blocked": REFUSED, "DMARCPolicy": REFUSED, "VirusNotification": REFUSED,
}  # fmt: skip


# -- SendGrid


def _is_sendgrid(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and all(_text(e, "sg_event_id") for e in data)


def _sendgrid(data: Any) -> Iterator[Told]:
    for event in data:
        kind = _SENDGRID.get(_text(event, "event"))
        if kind is None:
            continue
        reason = _text(event, "reason") or _text(event, "response")
        yield Told(
            _text(event, "sg_event_id"),
            News(
                kind=kind, recipients=_to(_text(event, "email")),
                status=GONE if reason == "Bounced Address"
                else dsn.status(_text(event, "status"), reason),
                diagnostic=reason if kind == "bounce" else "",
                message_id=_message_id(_text(event, "smtp-id")),
            ),
        )  # fmt: skip


_SENDGRID: dict[str, Kind] = {
    "bounce": "bounce", "dropped": "bounce", "deferred": "delayed", "spamreport": "complaint",
    "delivered": "delivered",
}  # fmt: skip

Adapter = tuple[Callable[[Any], bool], Callable[[Any], Iterator[Told]]]
ADAPTERS: tuple[Adapter, ...] = (
    (_is_sns, _sns), (_is_ses, _ses), (_is_mailgun, _mailgun), (_is_postmark, _postmark),
    (_is_sendgrid, _sendgrid),
)  # fmt: skip

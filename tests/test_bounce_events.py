"""What providers post, taken for what it is: shapes as their documentation shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounce_events import confirmation, read
from ringback.bounce import News
from tests.test_dsn import JOB, MESSAGE_ID, sample

ADA = "ada@example.org"
BARE = MESSAGE_ID.strip("<>")


def ses(kind: str, **parts: Any) -> dict[str, Any]:
    return {
        "notificationType": kind,
        "mail": {
            "timestamp": "2026-03-12T09:14:02.000Z", "messageId": "0102018-ses-own",
            "source": "no-reply@jobs.example.com", "destination": [ADA],
            "headersTruncated": False,
            "headers": [
                {"name": "Message-ID", "value": MESSAGE_ID},
                {"name": "X-Ringback-Job", "value": f"{JOB}, 1f-another"},
            ],
            "commonHeaders": {"messageId": MESSAGE_ID, "subject": "Import of customers.csv"},
        },
        **parts,
    }  # fmt: skip


def sns(inner: Any) -> dict[str, Any]:
    return {
        "Type": "Notification", "MessageId": "sns-1",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:bounces",
        "Message": inner if isinstance(inner, str) else json.dumps(inner),
        "Timestamp": "2026-03-12T09:14:05.000Z", "SignatureVersion": "1",
    }  # fmt: skip


SES_BOUNCE = ses(
    "Bounce",
    bounce={
        "bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "feed-1",
        "bouncedRecipients": [
            {"emailAddress": ADA, "status": "5.1.1", "action": "failed",
             "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
        ],
    },
)  # fmt: skip


def mailgun(event: str, **parts: Any) -> dict[str, Any]:
    return {
        "signature": {"timestamp": "1773306844", "token": "t", "signature": "s"},
        "event-data": {
            "event": event, "id": "mg-1", "recipient": ADA,
            "message": {"headers": {"message-id": BARE, "to": ADA}, "size": 111}, **parts,
        },
    }  # fmt: skip


def postmark(**parts: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "TypeCode": 1,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Email": ADA,
        "Details": "smtp;550 5.1.1 user unknown", "BouncedAt": "2026-03-12T09:14:05Z",
        "Content": sample("postfix").decode(), **parts,
    }  # fmt: skip


def sendgrid(event: str, **parts: Any) -> dict[str, Any]:
    return {
        "email": ADA, "timestamp": 1773306844, "smtp-id": MESSAGE_ID, "event": event,
        "sg_event_id": "sg-1", "sg_message_id": "m-1", **parts,
    }  # fmt: skip


def news(kind: Any, status: str = "", diagnostic: str = "", **more: Any) -> News:
    about = {"message_id": MESSAGE_ID, **more}
    return News(kind=kind, recipients=(ADA,), status=status, diagnostic=diagnostic, **about)


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        (sns(SES_BOUNCE), news("bounce", "5.1.1", "550 5.1.1 user unknown", job=JOB)),
        (SES_BOUNCE, news("bounce", "5.1.1", "550 5.1.1 user unknown", job=JOB)),
        (
            ses("Bounce", bounce={"bounceType": "Transient", "bounceSubType": "MailboxFull",
                                  "bouncedRecipients": [{"emailAddress": ADA}]}),
            news("bounce", "4.2.2", job=JOB),
        ),
        (
            ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": ADA}],
                                        "complaintFeedbackType": "abuse"}),
            news("complaint", job=JOB),
        ),
        (ses("Delivery", delivery={"recipients": [ADA]}), news("delivered", job=JOB)),
        (
            mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": {
                "code": 550, "message": "5.1.1 The email account doesn't exist"}}),
            news("bounce", "5.1.1", "550 5.1.1 The email account doesn't exist"),
        ),
        (
            mailgun("failed", severity="permanent", reason="suppress-bounce"),
            news("bounce", "5.1.1"),
        ),
        (
            mailgun("failed", severity="temporary", **{"delivery-status": {"code": 421}}),
            news("delayed", "4.0.0"),
        ),
        (mailgun("complained"), news("complaint")),
        (mailgun("delivered", **{"delivery-status": {"code": 250}}), news("delivered", "2.0.0")),
        (postmark(), news("bounce", "5.1.1", "smtp;550 5.1.1 user unknown", job=JOB)),
        (postmark(Type="SoftBounce", Details=""), news("bounce", "4.0.0", job=JOB)),
        (
            postmark(RecordType="SpamComplaint", Type="SpamComplaint"),
            news("complaint", job=JOB),
        ),
        (
            [sendgrid("bounce", status="5.1.1", reason="550 unknown", type="bounce")],
            news("bounce", "5.1.1", "550 unknown"),
        ),
        ([sendgrid("dropped", reason="Bounced Address")], news("bounce", "5.1.1",
                                                               "Bounced Address")),
        ([sendgrid("spamreport")], news("complaint")),
        ([sendgrid("delivered", response="250 OK")], news("delivered", "2.0.0")),
    ],
)  # fmt: skip
def test_what_a_provider_posts_is_news(posted: Any, told: News) -> None:
    found = read(posted)
    assert found is not None
    assert [each.news for each in found] == [told]


def test_several_recipients_and_events_are_each_their_own() -> None:
    two = [{"emailAddress": ADA, "status": "5.1.1"}, {"emailAddress": "eve@x", "status": "5.1.2"}]
    found = read(sns(ses("Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": two})))
    assert found
    assert [each.news.recipients for each in found] == [(ADA,), ("eve@x",)]
    events = [sendgrid("processed"), sendgrid("open"), sendgrid("bounce", status="5.1.1")]
    told = read(events)
    assert told
    assert [(each.id, each.news.kind) for each in told] == [("sg-1", "bounce")]


@pytest.mark.parametrize(
    "posted",
    [
        sns("no JSON"), sns({"hello": "there"}), sns(ses("Open")),
        ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": ADA}],
                                    "complaintFeedbackType": "not-spam"}),
        mailgun("opened"), postmark(RecordType="Delivery"), postmark(Type="Subscribe"),
        [sendgrid("click")],
    ],
)  # fmt: skip
def test_what_says_nothing_about_delivery_is_taken_and_left(posted: Any) -> None:
    assert read(posted) == []


@pytest.mark.parametrize("posted", [None, 1, "x", [], {}, [{}], {"Type": "Notification"}, [1]])
def test_what_no_provider_posts_is_told_apart(posted: Any) -> None:
    assert read(posted) is None


def test_a_postmark_bounce_without_its_email_names_none_of_ours() -> None:
    for content in (None, "", "not a report"):
        found = read(postmark(Content=content))
        assert found
        assert (found[0].news.message_id, found[0].news.job) == ("", "")


def test_a_subscription_is_confirmed_at_amazons_own_host_alone() -> None:
    asks = {**sns(""), "Type": "SubscriptionConfirmation"}
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    assert confirmation({**asks, "SubscribeURL": url}) == url
    for other in (
        "https://sns.eu-west-1.amazonaws.com.evil.example/?x", "http://sns.a.amazonaws.com/?x",
        "https://evil.example/?https://sns.eu-west-1.amazonaws.com/", "", 7,
    ):  # fmt: skip
        assert confirmation({**asks, "SubscribeURL": other}) is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


def _bent(data: st.DataObject, value: Any) -> Any:
    """The value with junk in some places."""
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(JUNK)
    if isinstance(value, dict):
        return {key: _bent(data, each) for key, each in value.items()}
    return [_bent(data, each) for each in value] if isinstance(value, list) else value


@given(st.data(), st.sampled_from([sns(SES_BOUNCE), SES_BOUNCE, mailgun("failed"), postmark(),
                                   [sendgrid("bounce")]]))  # fmt: skip
def test_no_shape_whatever_is_a_fault_of_ours(data: st.DataObject, posted: Any) -> None:
    bent = _bent(data, posted)
    confirmation(bent)
    for told in read(bent) or []:
        assert all(isinstance(address, str) for address in told.news.recipients)

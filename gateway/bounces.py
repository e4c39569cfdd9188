"""``POST /api/v1/bounces``: what became of emails, from those who send them for us.

Takes a report as a mail server writes it, our own JSON, and what providers post. Who may say so is
decided by a secret that providers can send, or by a token; what comes of it by
``ringback.bounce``, which hears of our own emails alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
import structlog
from aiohttp import web
from pydantic import AfterValidator, Field, RootModel

from gateway import bounce_events, kinds
from gateway.bounce_events import Told
from gateway.decode import decode
from gateway.endpoint import Asked, Endpoint, reply
from gateway.models import Answer, Fix, Request, Since, encodable
from gateway.problems import Problem, bad_request
from ringback import alert, bounce, dsn
from ringback.bounce import News, Result
from ringback.connection import AsyncStore
from ringback.suppression import Source

log = structlog.get_logger(__name__)

MAIL = "message/rfc822"
PLAIN = ("application/json", "text/plain")  #: the latter is what Amazon SNS calls its JSON
MOST = 1_000  #: events of one request
CONFIRM = "bounces.sns"

Text = Annotated[str, Field(max_length=2_000), AfterValidator(encodable)]
Status = Annotated[
    str, Field(pattern=r"^[245]\.\d{1,3}\.\d{1,3}$"), Fix("must be a status such as 5.1.1")
]


class BounceEvent(Request):
    """What became of one email. ``message_id``: the email's own, as its header has it; ``status``
    as in RFC 3463; ``diagnostic``: the server's words; ``id``: yours, to find the answer by."""

    type: Literal["bounce", "complaint", "delivered"]
    recipient: Annotated[str, Field(max_length=320), AfterValidator(encodable)]
    message_id: Annotated[str, Field(min_length=1, max_length=250), AfterValidator(encodable)]
    status: Status | None = None
    diagnostic: Text = ""
    at: Since | None = None
    id: Text = ""


class BounceEvents(RootModel[Annotated[list[BounceEvent], Field(max_length=MOST)]]):
    """Some of them."""


class BounceResult(Answer):
    """What was done: see docs/bounces.md for what each ``result`` means."""

    id: str
    type: Literal["bounce", "complaint", "delivered", "delayed"]
    result: Result
    told: str


class BounceResults(Answer):
    """One for each event that was in the request and means something to us."""

    results: list[BounceResult]


class Bounces:
    """``/api/v1/bounces``. ``secret``: what may stand in place of a token."""

    def __init__(self, db: AsyncStore, secret: str | None) -> None:
        self._db = db
        self._secret = secret

    def endpoints(self) -> Sequence[Endpoint]:
        """Everything this serves."""
        return (
            Endpoint(
                method="POST", path="/api/v1/bounces", handler=self.hear, tag="ops",
                role="service", also="operator", secret=self._secret,
                body=BounceEvents, raw=(MAIL,), answer=BounceResults,
                summary="Emails that came back, complaints and deliveries, from who sends for us",
            ),
        )  # fmt: skip

    async def hear(self, asked: Asked[None, None]) -> web.Response:
        """200 once all of it was heard. Raises StoreUnavailable: then it is to be sent again."""
        told, source = await self._told(asked.request)
        results = []
        for name, news in told:
            heard = await self._db.do(bounce.heed(news, source))
            log.info("bounces.heard", kind=news.kind, status=news.status, result=heard.result)
            results.append(
                BounceResult(id=name, type=news.kind, result=heard.result, told=heard.text)
            )
        return reply(BounceResults(results=results))

    async def _told(self, request: web.Request) -> tuple[list[Told], Source]:
        kind, body = request.content_type, await _body(request)
        if kind == MAIL:
            return _of_report(body), "bounce"
        if kind in PLAIN or kind.endswith("+json") or "Content-Type" not in request.headers:
            return await self._of_json(body), "provider"
        told = f"The body is said to be {kind}. Send JSON, or a report as {MAIL}."
        raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, told)

    async def _of_json(self, body: bytes) -> list[Told]:
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise bad_request("body", None, f"isn't JSON: {error}") from None
        url = bounce_events.confirmation(data)
        if url is not None:
            text = f"Amazon SNS asks whether it may tell of bounces. Open this once, soon: {url}"
            await self._db.do(alert.sound(CONFIRM, text))
            return []
        told = bounce_events.read(data)
        if told is None:
            return _of_ours(data)
        if isinstance(data, dict) and "TopicArn" in data:
            await self._db.do(alert.settle(CONFIRM))
        return told[:MOST]


async def _body(request: web.Request) -> bytes:
    """As far as it may go: reports return the email, which has more than the JSON of others."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > dsn.LONGEST:
            told = f"What became of emails may be told in up to {dsn.LONGEST:,} bytes at once."
            raise Problem(kinds.TOO_LARGE, told)
    return bytes(body)


def _of_report(body: bytes) -> list[Told]:
    try:
        reports = dsn.read(body)
    except dsn.Unreadable as error:
        raise bad_request("body", None, f"can't be read as a report: {error}") from None
    news = (bounce.news_of(report) for report in reports)
    return [Told("", each) for each in news if each is not None]


def _of_ours(data: Any) -> list[Told]:
    if not isinstance(data, list) or len(data) > MOST:
        told = f"must be a list of at most {MOST:,} events, or what a provider that we know posts"
        raise bad_request("body", data, told)
    events = [decode(BounceEvent, each, f"body[{n}]") for n, each in enumerate(data)]
    return [
        Told(
            event.id,
            News(
                kind=event.type, recipients=(event.recipient,), status=event.status or "",
                diagnostic=event.diagnostic,
                message_id=f"<{event.message_id.strip().strip('<>')}>",
            ),
        )
        for event in events
    ]  # fmt: skip

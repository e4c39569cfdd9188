"""For development only: a sign-in without a password, and the mail that was caught."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from mailbox import Maildir
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from gateway import kinds
from gateway.auth import Tokens
from gateway.decode import body_of
from gateway.endpoint import json
from gateway.problems import Problem, bad_request
from ringback import mailbox
from ringback.errors import BadAddress
from ringback.job import Owner
from ringback.keys import demo_user

NO_SIGN_IN = (
    "There is no sign-in here: this server takes the tokens of an issuer (RINGBACK_JWKS_URL). Sign "
    "in there, and open the page with its token: /#token=…"
)
SHOWN = 200  #: newest messages listed
MAIL_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Dev:
    """``/dev``; wired only where RINGBACK_DEV is on."""

    def __init__(self, tokens: Tokens, inbox: Path) -> None:
        self._tokens = tokens
        self._maildir = inbox

    def routes(self) -> list[web.RouteDef]:
        """Everything this serves."""
        return [
            web.post("/dev/sign-in", self.sign_in),
            web.get("/dev/inbox", self.inbox),
            web.get("/dev/inbox/{id}", self.show),
            web.get("/dev/inbox/{id}/html", self.html),
        ]

    async def sign_in(self, request: web.Request) -> web.Response:
        """A token for whoever says who they are."""
        if not self._tokens.issues:
            raise Problem(kinds.NOT_FOUND, NO_SIGN_IN)
        data = await body_of(request)
        email = data.get("email") if isinstance(data, dict) else None
        try:
            address = mailbox.checked(str(email))
        except BadAddress as error:
            raise bad_request("email", email, str(error)) from None
        owner = Owner(
            id=demo_user(address), email=address,
            name=str(data.get("name") or "") or None,
        )  # fmt: skip
        roles = _roles(data.get("roles"))
        body = {
            "token": self._tokens.issue(owner, roles=roles),
            "user": {"id": owner.id, "email": owner.email, "name": owner.name},
        }
        return json(orjson.dumps(body))

    async def inbox(self, _: web.Request) -> web.Response:
        """Caught messages, newest first."""
        return json(orjson.dumps({"messages": [_summary(k, m) for k, m in self._messages()]}))

    async def show(self, request: web.Request) -> web.Response:
        """One message, all of it."""
        key, message = self._find(request)
        body = {
            **_summary(key, message), "headers": {k: str(v) for k, v in message.items()},
            "text": _part(message, "plain"), "html": _part(message, "html"),
        }  # fmt: skip
        return json(orjson.dumps(body))

    async def html(self, request: web.Request) -> web.Response:
        """The HTML part alone, in a sandbox."""
        _, message = self._find(request)
        # links leave the frame, in which scripts are off
        html = (_part(message, "html") or "").replace("<head>", '<head><base target="_blank">', 1)
        return web.Response(text=html, content_type="text/html", headers=MAIL_HEADERS)

    def _messages(self) -> list[tuple[str, EmailMessage]]:
        if not self._maildir.is_dir():
            return []
        box = Maildir(self._maildir, create=False)
        newest = sorted(box.keys(), key=lambda key: key.split(".")[0:2], reverse=True)[:SHOWN]
        return [(key, _parse(box.get_bytes(key))) for key in newest]

    def _find(self, request: web.Request) -> tuple[str, EmailMessage]:
        wanted = request.match_info["id"]
        for key, message in self._messages():
            if key == wanted:
                return key, message
        raise Problem(kinds.NOT_FOUND, f"There is no message {wanted!r}.")


class _Preheader(HTMLParser):
    """The first ``<div class="preheader">``'s text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "div" and ("class", "preheader") in attrs and not self.text

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "div"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text += data


def _roles(wanted: Any) -> list[str]:
    """Whoever signs in here is whatever they say."""
    known = ("user", "support", "operator", "author", "service")
    if wanted is None:
        return ["user"]
    if not isinstance(wanted, list) or not all(role in known for role in wanted):
        raise bad_request("roles", wanted, f"must be a list of {', '.join(known)}")
    return ["user", *wanted]


def _parse(raw: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)


def _summary(key: str, message: EmailMessage) -> dict[str, Any]:
    return {
        "id": key, "to": str(message["To"]), "from": str(message["From"]),
        "subject": str(message["Subject"]), "date": str(message["Date"]),
        "preheader": _preheader(message),
    }  # fmt: skip


def _preheader(message: EmailMessage) -> str:
    reader = _Preheader()
    reader.feed(_part(message, "html") or "")
    return " ".join(reader.text.replace("\u034f", " ").split())


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())

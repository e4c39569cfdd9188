"""What a mail server's answer means: for the notice, for the address, and for operators.

Pure, and one table: the first row that fits counts. Codes are those of RFC 5321 (4.2), enhanced
codes those of RFC 3463 and its registry. At which command an answer came says whose fault it is: up
to MAIL it is about us or the server, from RCPT on about this recipient or this message.

========== ===========================================================================
accepted   the server has the email
delayed    another try later, for 24 hours
down       the server doesn't serve us at all: all emails wait, and none loses a try
refused    no email; `address` and `dead` tell whose doing that is
ambiguous  the server may have it
========== ===========================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from ringback import gone

Verb = Literal["connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "message"]
Kind = Literal["accepted", "delayed", "down", "refused", "ambiguous"]
#: What operators have to mend; see ``tasks.mail_alerts`` for the words.
Trouble = Literal["tls", "certificate", "auth", "server", "blocked"]

OPENING: tuple[Verb, ...] = ("connect", "EHLO", "STARTTLS", "AUTH")
ABOUT_IT: tuple[Verb, ...] = ("RCPT", "DATA", "message")  #: this recipient, this message
ANSWER_SHOWN = 300  #: characters


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended. ``reason``: a sentence for its user; ``answer``: what the server said,
    for support and logs.

    ``address``: what that says of the recipient's address (``gone``: no such mailbox; ``soft``: not
    now). ``dead``: refused by no fault of the recipient, so operators may send it again.
    ``trouble``: what they have to mend. ``heard``: the server answered.
    """

    kind: Kind
    reason: str
    answer: str = ""
    address: Literal["", "gone", "soft"] = ""
    dead: bool = False
    trouble: Trouble | None = None
    heard: bool = True


ACCEPTED = Outcome("accepted", "The mail server took it.")
LATER = Outcome("delayed", "The mail server asks us to try again later.")
FULL = Outcome("delayed", "The mailbox is full.", address="soft")
NO_MAILBOX = "The mail server says that there is no such mailbox."
GONE = Outcome("refused", f"{NO_MAILBOX} Change your address to one that works.", address="gone")
CLOSED = Outcome("refused", "The mailbox takes no emails, says its mail server.", address="soft")
UNROUTABLE = Outcome("refused", "The mail server can't deliver to this address.")
TOO_LARGE = Outcome(
    "refused", "The email is larger than the mailbox takes. This page has all of it."
)
LETTERS = Outcome(
    "refused",
    "The mail server can't write to addresses with letters other than a to z. Change your "
    "address to one without.",
)
BLOCKED = Outcome(
    "refused",
    "The mail server refused the email, which is no fault of yours. Our operators have been told "
    "and can send it again.",
    dead=True, trouble="blocked",
)  # fmt: skip
DOWN = Outcome("down", "The mail server can't be reached. The email goes out as soon as it can.")
TURNED_AWAY = replace(DOWN, trouble="server")
_OURS = Outcome(
    "down", "No email can leave at the moment. Our operators have been told; yours goes out then."
)
NO_ENTRY = replace(_OURS, trouble="auth")
NO_TLS = replace(_OURS, trouble="tls")
BAD_CERTIFICATE = replace(_OURS, trouble="certificate")
SILENT = replace(LATER, reason="The mail server didn't answer in time.", heard=False)
AMBIGUOUS = Outcome("ambiguous", "The mail server's answer got lost.", heard=False)

_POLICY = (
    r"relay|spam|polic|block|black ?list|denied|reject|dmarc|dkim|\bspf\b|reputation|authenticat"
)
_FULL = r"mailbox (is )?full|over ?quota|quota exceeded|exceeded.*(quota|storage)|full mailbox"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; patterns that match from the start, and ``words`` anywhere in the
    text; "" fits all. ``enhanced`` "-": the answer has no enhanced code."""

    verbs: tuple[Verb, ...]
    code: str
    enhanced: str
    words: str
    means: Outcome

    def fits(self, verb: Verb, code: int, enhanced: str, text: str) -> bool:
        """Whether an answer is such a one."""
        return (
            verb in self.verbs
            and re.fullmatch(self.code or ".*", str(code)) is not None
            and re.fullmatch(self.enhanced or ".*", enhanced) is not None
            and re.search(self.words, text, re.IGNORECASE) is not None
        )


#: verbs, code, enhanced code, words, what it means
TABLE = [
    # the server, or what it knows us by
    Row(("AUTH",), "5..", "", "", NO_ENTRY),
    Row((*OPENING, "MAIL", *ABOUT_IT), "53[0458]", "", "", NO_ENTRY),
    Row(("STARTTLS",), "5..", "", "", NO_TLS),
    Row(("connect", "EHLO"), "5..", "", "", TURNED_AWAY),
    Row(OPENING, "", "", "", DOWN),
    Row(("MAIL",), "421", "", "", DOWN),
    # for now
    Row(ABOUT_IT, "4..", r"4\.2\.2", "", FULL),
    Row(ABOUT_IT, "4..", "", _FULL, FULL),
    Row(("MAIL", *ABOUT_IT), "4..", "", "", LATER),
    # too large, or letters that the server can't write
    Row(("MAIL", *ABOUT_IT), "5..", r"5\.(3\.4|2\.3)", "", TOO_LARGE),
    Row(("MAIL", *ABOUT_IT), "5..", r"5\.6\.(7|9|10)", "", LETTERS),
    Row(("MAIL",), "552", "-", "", TOO_LARGE),
    # MAIL names the sender: us
    Row(("MAIL",), "5..", "", "", BLOCKED),
    # the recipient's mailbox, by enhanced code (RFC 3463, 3.2 and 3.3; RFC 7505 for 5.1.10)
    Row(ABOUT_IT, "5..", gone.STATUS, "", GONE),
    Row(ABOUT_IT, "5..", r"5\.1\.[78]", "", BLOCKED),
    Row(ABOUT_IT, "5..", r"5\.2\.2", "", FULL),
    Row(ABOUT_IT, "5..", r"5\.2\.1", "", CLOSED),
    Row(ABOUT_IT, "5..", r"5\.7\.\d+", "", BLOCKED),
    # enhanced codes that say little, with words that say more
    Row(ABOUT_IT, "5..", gone.VAGUE, gone.WORDS, GONE),
    Row(ABOUT_IT, "5..", r"5\.[124]\.\d+", "", UNROUTABLE),
    # no enhanced code: what the words and the command tell
    Row(ABOUT_IT, "5..", "-", _FULL, FULL),
    Row(("message",), "552", "-", "", TOO_LARGE),
    Row(("RCPT",), "552", "-", "", FULL),
    Row(ABOUT_IT, "55[0134]", "-", gone.WORDS, GONE),
    Row(("RCPT",), "55[013]", "-", _POLICY, BLOCKED),
    Row(("RCPT",), "55[013]", "-", "", GONE),
    # all else that is final: a fault of ours until somebody has looked
    Row(("MAIL", *ABOUT_IT), "5..", "", "", BLOCKED),
]


def meaning(verb: Verb, code: int, text: str) -> Outcome:
    """What the server's answer to ``verb`` means; ``message``: its answer to the email itself."""
    shown = f"{verb}: {code} {' '.join(text.split())}"[:ANSWER_SHOWN]
    if verb == "message" and 200 <= code < 300:
        return replace(ACCEPTED, answer=shown)
    enhanced = _enhanced(code, text)
    for row in TABLE:
        if 400 <= code < 600 and row.fits(verb, code, enhanced, text):
            return replace(row.means, answer=shown)
    # no answer that a server may give here (RFC 5321, 4.3.2)
    return replace(silence(verb), answer=shown)


def silence(verb: Verb, error: str = "") -> Outcome:
    """What it means that no answer to ``verb`` came: the connection broke, or time ran out.

    Only an email that was sent whole may have been taken: without 354 nothing of it left us.
    """
    shown = f"{verb}: no answer ({' '.join(error.split())})"[:ANSWER_SHOWN]
    if verb == "message":
        return replace(AMBIGUOUS, answer=shown)
    if verb in ("RCPT", "DATA"):
        return replace(SILENT, answer=shown)
    return replace(DOWN, answer=shown, heard=False)


def _enhanced(code: int, text: str) -> str:
    """The enhanced code at the answer's start, as in ``5.1.1``; "-" without one, or with one of
    another class than the code's (RFC 2034, 4)."""
    found = re.match(r"([245]\.\d{1,3}\.\d{1,3})\b", text.lstrip())
    return found[1] if found and found[1][0] == str(code)[0] else "-"

"""What operators read where the mail server doesn't serve us: what is wrong, and what to do."""

from __future__ import annotations

from tasks.smtp_answer import Outcome, Trouble
from tasks.smtp_line import Server

DOWN = "mail.down"  #: the name of the alert about a server that can't be reached


def key_of(trouble: Trouble) -> str:
    """The alert's name."""
    return f"mail.{trouble}"


_PASSING: tuple[Trouble, ...] = ("tls", "certificate", "auth", "server")
#: Gone once an email was taken again; a refused email says nothing of the next one.
PASSING = (DOWN, *map(key_of, _PASSING))


def told(outcome: Outcome, server: Server, sender: str) -> str:
    """An alert's words; ``sender``: the address that we write from."""
    where, said = f"The mail server {server.host}:{server.port}", f"({outcome.answer})"
    domain = sender.rpartition("@")[2]
    match outcome.trouble:
        case "tls":
            return f"{where} gives us no TLS {said}, so no email is sent. {_tls_fix(server)}"
        case "certificate":
            return (
                f"{where} shows a certificate that isn't good {said}, so no email is sent. Give it "
                f"one for {server.host} by an authority that this machine trusts (SSL_CERT_FILE "
                "names others), or correct the host in RINGBACK_SMTP_URL."
            )
        case "auth" if server.user is None:
            return (
                f"{where} wants a user and a password {said}, so no email is sent. Put them into "
                "RINGBACK_SMTP_URL: smtp://user:password@host:587"
            )
        case "auth":
            return (
                f"{where} doesn't let our user in {said}, so no email is sent. Correct user and "
                "password in RINGBACK_SMTP_URL, and start the mailers again."
            )
        case "server":
            return (
                f"{where} turns us away {said}, so no email is sent. Ask whoever runs it why, or "
                "set RINGBACK_SMTP_URL to another."
            )
        case None:
            return (
                f"{where} can't be reached {said}, so emails wait. Start it, or correct host and "
                "port in RINGBACK_SMTP_URL."
            )
    return (
        f"{where} refuses emails from {sender} {said}. See whether it may send for {domain}, and "
        f"that domain's SPF, DKIM and DMARC; then send what was refused again: `ringback "
        "dead-letters replay --emails`."
    )


def _tls_fix(server: Server) -> str:
    if server.user is not None:
        return "Switch STARTTLS on there, or use smtps://: a password is never sent without TLS."
    if server.implicit:
        return "Use smtp:// with the port that offers STARTTLS, or the port that starts with TLS."
    return (
        "Switch STARTTLS on there, use smtps://, or set RINGBACK_SMTP_TLS=offered where nobody "
        "else is on the way to it."
    )

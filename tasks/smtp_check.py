"""What ``ringback doctor`` says of emails: it connects to the mail server, switches to TLS and
signs in as a mailer would, and sends nothing."""

from __future__ import annotations

import asyncio
from email.utils import parseaddr

from ringback.doctor import Finding
from ringback.errors import SettingsError
from ringback.settings import Settings
from tasks import mail_alerts
from tasks.seal import Seal
from tasks.smtp_line import ERRORS, Pace, Server, Talk, Withheld, cut, dial

ABOUT = "mail server"


async def signature(settings: Settings) -> list[Finding]:
    """What is to be published, where emails are signed."""
    try:
        seal = Seal.of_settings(settings)
    except SettingsError as error:
        return [Finding("wrong", "DKIM", str(error))]
    if seal is None:
        return []
    return [Finding("ok", "DKIM", f"Emails are signed. The domain has to publish {seal.record}")]


async def mail_server(settings: Settings) -> list[Finding]:
    """Whether it lets us in, and if not, what to do."""
    try:
        url = settings.mail_server
    except SettingsError as error:
        return [Finding("wrong", ABOUT, str(error))]
    server, talk, pace = Server.at(url, settings.smtp_tls), Talk(), Pace()
    try:
        async with asyncio.timeout(pace.opening):
            client = await dial(server, pace, talk)
    except (*ERRORS, Withheld) as error:
        author = parseaddr(settings.email_from)[1]
        told = mail_alerts.told(talk.outcome_of(error), server, author)
        return [Finding("wrong", ABOUT, told)]
    secure = client.get_transport_info("sslcontext") is not None
    cut(client)
    if secure:
        return [Finding("ok", ABOUT, f"{server.host}:{server.port} lets us in, by TLS.")]
    told = f"{server.host}:{server.port} lets us in, and emails go there in clear."
    return [Finding("ok" if server.near else "risk", ABOUT, told)]

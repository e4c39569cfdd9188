"""The dev inbox: an SMTP server that keeps every message in a Maildir and sends none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Self

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

from ringback.files import make_room


class Inbox:
    """An async context: while it is open, mail to ``127.0.0.1:port`` lands in ``maildir``."""

    def __init__(self, maildir: Path, port: int) -> None:
        self._maildir = maildir
        self._port = port
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        make_room(self._maildir)
        handler: Any = Mailbox(self._maildir)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(handler, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", self._port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

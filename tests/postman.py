"""A mail server that misbehaves on purpose: at any command it answers what it is told to, says
nothing, or hangs up."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.rig import free_port

HANG, DROP = "", "drop"
WELL = {
    "connect": "220 here", "EHLO": "250", "STARTTLS": "220 go on", "AUTH": "235 welcome",
    "MAIL": "250 fine", "RCPT": "250 fine", "DATA": "354 go on", "message": "250 2.0.0 queued",
    "RSET": "250 fine", "QUIT": "221 bye",
}  # fmt: skip


@dataclass
class Postman:
    """Serves on a loopback port of its own. ``plan``: what happens at a command instead; one
    answer, or one after the other with the last one for ever. ``tls``: STARTTLS with this
    certificate, or TLS from the start (``implicit``)."""

    plan: Mapping[str, str | list[str]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    extensions: tuple[str, ...] = ()
    pause: float = 0  #: seconds before the greeting
    port: int = field(default_factory=free_port)
    heard: list[str] = field(default_factory=list)  #: each command, over all connections
    received: list[bytes] = field(default_factory=list)  #: each whole message
    connections: int = 0
    _times: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def at_work(self) -> Iterator[Postman]:
        """Serves until the end of the block."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(self._open())
        thread = Thread(target=loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _open(self) -> asyncio.Server:
        context = self.tls if self.implicit else None
        return await asyncio.start_server(self._converse, "127.0.0.1", self.port, ssl=context)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            await asyncio.sleep(self.pause)
            going = await self._answer("connect", writer)
            while going:
                line = (await reader.readuntil(b"\n")).decode().strip()
                self.heard.append(line)
                going = await self._obey(line.split(" ")[0].upper(), reader, writer)
        writer.transport.abort()

    async def _obey(
        self, verb: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if not await self._answer(verb, writer):
            return False
        if verb == "STARTTLS" and self._last("STARTTLS").startswith("220"):
            assert self.tls is not None
            await writer.start_tls(self.tls)
        if verb == "DATA" and self._last("DATA").startswith("354"):
            self.received.append(await reader.readuntil(b"\r\n.\r\n"))
            return await self._answer("message", writer)
        return verb != "QUIT"

    async def _answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the conversation goes on."""
        self._times[verb] += 1
        answer = self._last(verb)
        if answer == HANG:
            await asyncio.sleep(3_600)
        if answer == DROP:
            return False
        text = self._offers(answer) if (verb, answer) == ("EHLO", "250") else answer
        writer.write(text.encode() + b"\r\n")
        await writer.drain()
        return True

    def _last(self, verb: str) -> str:
        planned = self.plan.get(verb, WELL.get(verb, "500 unknown"))
        if isinstance(planned, str):
            return planned
        return planned[min(self._times[verb], len(planned)) - 1]

    def _offers(self, answer: str) -> str:
        offers = list(self.extensions)
        if self.tls is not None and not self.implicit:
            offers.append("STARTTLS")
        lines = ["postman", *offers]
        return "\r\n".join(f"{answer}{'-' if line != lines[-1] else ' '}{line}" for line in lines)


async def _stop(server: asyncio.Server) -> None:
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # connections say that they are closed


def certificate(directory: Path, name: str = "127.0.0.1", *, good: bool = True) -> ssl.SSLContext:
    """A server's context with a certificate for ``name``; ``good``: one that hasn't expired. Its
    authority is itself: ``directory / "cert.pem"``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now, day = datetime.now(UTC), timedelta(days=1)
    names: list[x509.GeneralName] = [x509.DNSName("mail.test")]
    with suppress(ValueError):
        names.append(x509.IPAddress(ip_address(name)))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * day).not_valid_after(now + (day if good else -day))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    pem, secret = directory / "cert.pem", directory / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return context

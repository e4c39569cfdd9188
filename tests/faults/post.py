"""A mail server that misbehaves as it is told to."""

from __future__ import annotations

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from threading import Event, Thread

ACCEPT = "250 taken"


def _open() -> Event:
    event = Event()
    event.set()
    return event


@dataclass
class Post:
    """``rcpt`` and ``data``: the answers, the last one for ever; "" drops the connection. An
    answer to RCPT or DATA is held back until ``before_rcpt`` or ``before_answer`` is set."""

    rcpt: list[str] = field(default_factory=lambda: [ACCEPT])
    data: list[str] = field(default_factory=lambda: [ACCEPT])
    before_rcpt: Event = field(default_factory=_open)
    before_answer: Event = field(default_factory=_open)
    recipients: int = 0  #: how many RCPT came
    received: list[EmailMessage] = field(default_factory=list)  #: each whole message that came
    peers: set[socket.socket] = field(default_factory=set)  #: who is connected

    @contextmanager
    def at(self, port: int) -> Iterator[Post]:
        """Serves on a loopback port."""
        post = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                post.converse(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        with Server(("127.0.0.1", port), Handler) as server:
            thread = Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield self
            finally:
                self.before_rcpt.set()
                self.before_answer.set()
                server.shutdown()
                thread.join()
                for peer in list(self.peers):  # a mailer would go on to use what it has
                    with suppress(OSError):
                        peer.shutdown(socket.SHUT_RDWR)

    def converse(self, peer: socketserver.StreamRequestHandler) -> None:
        """One connection."""
        answer = "220 hello"
        self.peers.add(peer.connection)
        while answer:
            try:
                peer.wfile.write(f"{answer}\r\n".encode())
                command = peer.rfile.readline()
                answer = self._answer(command[:4].upper(), peer) if command else ""
            except OSError:
                break  # the mailer was killed
        self.peers.discard(peer.connection)

    def _answer(self, command: bytes, peer: socketserver.StreamRequestHandler) -> str:
        if command == b"RCPT":
            self.recipients += 1
            self.before_rcpt.wait()
            return self._next(self.rcpt)
        if command == b"DATA":
            peer.wfile.write(b"354 go on\r\n")
            return self._data(peer)
        return "" if command == b"QUIT" else "250 fine"

    def _data(self, peer: socketserver.StreamRequestHandler) -> str:
        lines = list(iter(peer.rfile.readline, b".\r\n"))
        parser = BytesParser(EmailMessage, policy=policy.default)
        self.received.append(parser.parsebytes(b"".join(lines)))
        self.before_answer.wait()
        return self._next(self.data)

    @staticmethod
    def _next(answers: list[str]) -> str:
        return answers.pop(0) if len(answers) > 1 else answers[0]

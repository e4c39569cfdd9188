"""DKIM: receivers find the signature good over the bytes that arrived, and a bad key is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ringback.errors import SettingsError
from ringback.settings import load_settings
from tasks.deliver import Mailer
from tasks.seal import Seal
from tests.postman import Postman
from tests.test_postman import HOUSE, LETTERS, sending

RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {"rsa": RSA, "ed25519": ed25519.Ed25519PrivateKey.generate()}


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())
    return text.decode()


def served(seal: Seal) -> Any:
    """The DNS as far as there is one: the record as the seal wants it published."""
    name, _, strings = seal.record.partition(" TXT ")
    value = strings.replace('" "', "").strip('"').encode()
    return lambda asked, **_: value if asked.decode() == name else None


def arrived(seal: Seal) -> bytes:
    """What a server gets of an email."""
    with sending(Postman()) as it:
        it.mailer = Mailer(it.db, LETTERS, it.transport, replace(HOUSE, seal=seal))
        assert it.send().state == "sent"
        (message,) = it.postman.received
    return message.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_receiver_finds_the_signature_good(algorithm: str) -> None:
    seal = Seal.of("2026", pem(KEYS[algorithm]), "example.com")
    message = arrived(seal)
    head = message.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    (signature,) = [line for line in head.split(b"\r\n") if line.startswith(b"DKIM-Signature")]
    assert f"a={algorithm}-sha256; c=relaxed/relaxed; d=example.com;".encode() in signature
    for name in (b"from : from", b"list-unsubscribe", b"list-unsubscribe-post", b"message-id"):
        assert name in signature
    assert dkim.verify(message, dnsfunc=served(seal))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: ", b"Subject: Not "), (b"List-Unsubscribe: <http", b"List-Unsubscribe: <ttp"),
        (b"Content-Type", b"From: mallory@example.com\r\nContent-Type"), (b"</html>", b"!</html>"),
    ],
)  # fmt: skip
def test_what_was_changed_on_the_way_is_found_out(old: bytes, new: bytes) -> None:
    seal = Seal.of("2026", pem(RSA), "example.com")
    message = arrived(seal)
    assert old in message
    assert not dkim.verify(message.replace(old, new, 1), dnsfunc=served(seal))


def test_an_older_form_of_an_rsa_key_is_taken_too() -> None:
    older = Seal.of("2026", pem(RSA, PrivateFormat.TraditionalOpenSSL), "example.com")
    assert older == Seal.of("2026", pem(RSA), "example.com")
    assert "PRIVATE" not in repr(older)


@pytest.mark.parametrize(
    "key",
    [
        "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        pem(rsa.generate_private_key(65537, 1024)).replace("M", "N", 1),
        pem(ec.generate_private_key(ec.SECP256R1())),
        RSA.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
        ).decode(),
    ],
    ids=["a word", "no key", "damaged", "another kind", "with a password"],
)  # fmt: skip
def test_a_key_that_is_none_is_told_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^RINGBACK_DKIM_KEY=\*\*\*: must be .* in PEM"):
        Seal.of("2026", key, "example.com")


def test_a_key_and_its_selector_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_DKIM_SELECTOR", "2026")
    with pytest.raises(SettingsError, match="or neither of them"):
        load_settings()
    monkeypatch.setenv("RINGBACK_DKIM_KEY", pem(RSA))
    monkeypatch.setenv("RINGBACK_EMAIL_FROM", "Jobs <jobs@bücher.example>")
    seal = Seal.of_settings(load_settings())
    assert seal
    assert (seal.selector, seal.domain) == ("2026", "xn--bcher-kva.example")
    monkeypatch.setenv("RINGBACK_DKIM_SELECTOR", "not a name")
    with pytest.raises(SettingsError, match="RINGBACK_DKIM_SELECTOR='not a name': must be a name"):
        load_settings()

"""Webhooks of third-party developers, from registration to a verified message."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from ringback.client import Client
from ringback.job import Owner
from ringback.webhook import delivery_id
from tests.receiver import Message, Receiver
from tests.rig import ROOT, Rig, until
from tests.test_docs import block

PAGE = "docs/webhooks.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def test_the_page_for_developers_registers_a_webhook_whose_messages_verify(
    rig: Rig, receiver: Receiver
) -> None:
    secret, hook = _register(rig, receiver.url())
    test = until(lambda: receiver.received)[0]
    assert test.event["type"] == "ringback.webhook.test"
    assert _verified(secret, test) == [True, True, True]
    assert _verified(secret, Message(test.headers, test.body + b" ")) == [False] * 3

    with Client(rig.settings) as client:
        job = client.submit("test.count", owner=Owner(id="hooked"), params={"to": 1})
    told = until(lambda: receiver.received[1:])[0]
    assert told.event["type"] == "ringback.job.succeeded"
    assert told.id == delivery_id(hook, job.id)
    assert _verified(secret, told) == [True, True, True]

    listed = rig.cli("webhooks", "list", "--user", "hooked").stdout
    assert f"{hook}  on" in listed
    assert rig.cli("webhooks", "replay", told.id, "--reason", "they lost it").returncode == 0
    again = until(lambda: receiver.received[2:])[0]
    assert (again.id, again.event["subject"]) == (told.id, job.id)
    shown = until(lambda: _delivered_twice(rig, hook))
    assert "Answered 200" in shown
    assert f"delivery {told.id} replayed" in rig.cli("audit").stdout.replace("\n", "")
    assert rig.cli("webhooks", "remove", hook).returncode == 0


def test_the_app_s_webhook_from_the_shell_hears_of_everybody(rig: Rig, receiver: Receiver) -> None:
    added = rig.cli("webhooks", "add", receiver.url(), "--type", "test.count").stdout
    hook, secret = added.split()[0], added.split()[-1]
    with Client(rig.settings) as client:
        job = client.submit("test.count", owner=Owner(id="anybody"), params={"to": 1})
    message = until(lambda: receiver.received)[0]
    assert (message.event["subject"], message.event["owner"]) == (job.id, "anybody")
    assert Verifier(secret).verify(message.body, message.headers)["id"] == message.id
    assert rig.cli("webhooks", "remove", hook).stdout == f"{hook} is removed.\n"
    refused = rig.cli("webhooks", "add", "ftp://example.com")
    assert (refused.returncode, refused.stderr) == (
        2,
        "'ftp://example.com': an address must start with https:// and a host, as in "
        "https://example.com/ringback.\n",
    )


def _register(rig: Rig, url: str) -> tuple[str, str]:
    """The secret, and the webhook's id, as the page's commands print them."""
    given = {"GATEWAY": rig.url, "TOKEN": rig.token("hooked"), "RECEIVER": url}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("register", PAGE)], check=False,
        env={**os.environ, **given}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    delivery, rest = json.JSONDecoder().raw_decode(ran.stdout)
    secret = ran.stdout.splitlines()[-1].rpartition("}")[2]
    assert rest
    return secret, delivery["webhook"]


def _verified(secret: str, message: Message) -> list[bool]:
    """What the library and the page's two examples say."""
    return [by(secret, message) for by in (_by_library, _by_python, _by_node)]


def _by_library(secret: str, message: Message) -> bool:
    try:
        Verifier(secret).verify(message.body, message.headers)
    except Exception:
        return False
    return True


def _by_python(secret: str, message: Message) -> bool:
    example: dict[str, Any] = {}
    exec(compile(block("python", PAGE), PAGE, "exec"), example)
    return bool(example["verified"](secret, message.headers, message.body))


def _by_node(secret: str, message: Message) -> bool:
    given = json.dumps([secret, message.headers, message.body.decode()])
    script = f"{block('javascript', PAGE)}\nconsole.log(verified(...{given}));"
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=ROOT, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip() == "true"


def _delivered_twice(rig: Rig, hook: str) -> str:
    shown = rig.cli("webhooks", "deliveries", hook).stdout
    return shown if "delivered  2" in shown else ""

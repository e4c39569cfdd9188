"""``/asyncapi.json`` (AsyncAPI 3.0): what goes over Socket.IO and server-sent events, made from the
table of clients' events and the models of ours."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from yarl import URL

from gateway.events import Event
from gateway.models import ExpiringEvent, JobsEvent, JobView, Refused

Node = dict[str, Any]

REF = "#/components/schemas/{model}"
#: What the gateway sends, by name: the payload and when it comes.
SENT: dict[str, tuple[type[BaseModel], str]] = {
    "jobs": (JobsEvent, "First on a fresh connection, and whenever all is to be replaced"),
    "job": (JobView, "A job changed; ignore a version that isn't newer than yours"),
    "auth:expiring": (ExpiringEvent, "The token ends soon"),
}
ABOUT = """Each user's own jobs, live. `jobs` and `job` carry a cursor, as Socket.IO's last argument
and as the id of a server-sent event; who sends it back misses nothing. Clients must ignore fields
and events that they don't know. REST is described by `/openapi.json`."""


def asyncapi(events: Sequence[Event], url: str) -> Node:
    """The document; ``url``: where users reach the gateway."""
    answers: list[type[BaseModel]] = list(dict.fromkeys([*(e.answer for e in events), Refused]))
    models = [(e.payload, "validation") for e in events]
    models += [(m, "serialization") for m in (*(m for m, _ in SENT.values()), *answers)]
    names, definitions = models_json_schema(models, ref_template=REF)  # type: ignore[arg-type]  # the modes are Literals
    schemas = {model: schema for (model, _), schema in names.items()}
    heard = {e.name: _message(e.name, schemas[e.payload], e.summary) for e in events}
    told = {name: _message(name, schemas[m], when) for name, (m, when) in SENT.items()}
    acks = {
        model.__name__: _message(model.__name__, schemas[model], model.__doc__ or "")
        for model in answers
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Ringback", "version": version("ringback"), "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": _servers(URL(url)),
        "channels": {
            "socket": _channel("/", "The user's socket", "socketio", {**told, **heard, **acks}),
            "stream": _channel("/api/v1/events", "The user's stream", "sse", told),
        },
        "operations": {
            **{_id("socket", name): _sends("socket", name) for name in told},
            **{_id("stream", name): _sends("stream", name) for name in told},
            **{_id("on", event.name): _receives(event) for event in events},
        },
        "components": {
            "messages": {_key(n): m for n, m in {**told, **heard, **acks}.items()},
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The header Authorization, or `auth.token` of the socket.",
                }
            },
        },
    }  # fmt: skip


def _servers(url: URL) -> Node:
    secure = "s" if url.scheme == "https" else ""
    security = [{"$ref": "#/components/securitySchemes/token"}]
    host = url.authority
    return {
        "socketio": {
            "host": host, "pathname": "/socket.io/", "protocol": f"ws{secure}",
            "description": "Socket.IO 5 on Engine.IO 4, by WebSocket or polling",
            "security": security,
        },
        "sse": {
            "host": host, "protocol": f"http{secure}", "description": "Server-sent events",
            "security": security,
        },
    }  # fmt: skip


def _channel(address: str, title: str, server: str, messages: Node) -> Node:
    return {
        "address": address, "title": title, "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {_key(n): {"$ref": f"#/components/messages/{_key(n)}"} for n in messages},
    }  # fmt: skip


def _message(name: str, schema: Any, summary: str) -> Node:
    return {"name": name, "summary": " ".join(summary.split()), "payload": schema}


def _sends(channel: str, name: str) -> Node:
    return {
        "action": "send", "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [_in(channel, name)],
    }  # fmt: skip


def _receives(event: Event) -> Node:
    answers = [_in("socket", event.answer.__name__), _in("socket", Refused.__name__)]
    channel = {"$ref": "#/channels/socket"}
    return {
        "action": "receive", "channel": channel, "summary": event.summary,
        "messages": [_in("socket", event.name)],
        "reply": {"channel": channel, "messages": answers},
    }  # fmt: skip


def _in(channel: str, name: str) -> Node:
    return {"$ref": f"#/channels/{channel}/messages/{_key(name)}"}


def _key(name: str) -> str:
    return name.replace(":", ".")  # what AsyncAPI takes as a key


def _id(prefix: str, name: str) -> str:
    return f"{prefix}.{_key(name)}"

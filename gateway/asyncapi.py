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
from gateway.examples import Example, examples_of
from gateway.frame import CURSOR
from gateway.models import Refused
from gateway.outgoing import OUTGOING, Outgoing

Node = dict[str, Any]
Schemas = dict[Any, Node]  #: where each model's schema is

REF = "#/components/schemas/{model}"
PLACE: Node = {
    "type": "object",
    "properties": {
        "cursor": {
            "type": "string", "pattern": f"^{CURSOR.pattern}$",
            "description": "The place in your feed; absent during a watch",
        }
    },
}  # fmt: skip
ABOUT = """Each user's own jobs, live. `jobs` and `job` carry a cursor (here among the headers), as
Socket.IO's last argument and as the id of a server-sent event; who sends it back misses nothing.
Clients must ignore fields and events that they don't know. REST is described by `/openapi.json`.

After `watch` (role `support`) a socket gets `jobs` and `job` of another user in place of its own,
until `watch` with `user` null: `jobs` then names the `user`, and neither carries a cursor."""


def asyncapi(events: Sequence[Event], url: str) -> Node:
    """The document; ``url``: where users reach the gateway."""
    answers: list[type[BaseModel]] = list(dict.fromkeys([*(e.answer for e in events), Refused]))
    models = [(e.payload, "validation") for e in events]
    models += [(m, "serialization") for m in (*(o.payload for o in OUTGOING), *answers)]
    names, definitions = models_json_schema(models, ref_template=REF)  # type: ignore[arg-type]  # the modes are Literals
    schemas: Schemas = {model: schema for (model, _), schema in names.items()}
    heard = {e.name: _message(e.name, e.payload, schemas, e.summary) for e in events}
    told = {o.name: _told(o, schemas) for o in OUTGOING}
    acks = {m.__name__: _message(m.__name__, m, schemas, m.__doc__ or "") for m in answers}
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
            **{_id("socket", o.name): _sends("socket", o) for o in OUTGOING},
            **{_id("stream", o.name): _sends("stream", o) for o in OUTGOING},
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


def _told(event: Outgoing, schemas: Schemas) -> Node:
    message = _message(event.name, event.payload, schemas, event.summary)
    return {**message, "headers": PLACE} if event.cursor else message


def _message(name: str, model: type[BaseModel], schemas: Schemas, summary: str) -> Node:
    return {
        "name": name, "summary": " ".join(summary.split()), "payload": schemas[model],
        "examples": [_example(example) for example in examples_of(model)],
    }  # fmt: skip


def _example(example: Example) -> Node:
    told: Node = {"payload": example.payload.model_dump(mode="json", exclude_unset=True)}
    if example.cursor:
        told["headers"] = {"cursor": example.cursor}
    if example.summary:
        told["summary"] = example.summary
    return told


def _sends(channel: str, event: Outgoing) -> Node:
    return {
        "action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": event.summary,
        "messages": [_in(channel, event.name)],
    }  # fmt: skip


def _receives(event: Event) -> Node:
    answers = [_in("socket", event.answer.__name__), _in("socket", Refused.__name__)]
    channel = {"$ref": "#/channels/socket"}
    return {
        "action": "receive", "channel": channel, "summary": event.summary,
        **_role(event), "messages": [_in("socket", event.name)],
        "reply": {"channel": channel, "messages": answers},
    }  # fmt: skip


def _role(event: Event) -> Node:
    return {} if event.role == "user" else {"description": f"Needs the role `{event.role}`."}


def _in(channel: str, name: str) -> Node:
    return {"$ref": f"#/channels/{channel}/messages/{_key(name)}"}


def _key(name: str) -> str:
    return name.replace(":", ".")  # what AsyncAPI takes as a key


def _id(prefix: str, name: str) -> str:
    return f"{prefix}.{_key(name)}"

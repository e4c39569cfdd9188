"""``/openapi.json`` (OpenAPI 3.1), made from the table of endpoints and their models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import kinds
from gateway.endpoint import JSON, Endpoint
from gateway.examples import examples_of
from gateway.kinds import Kind
from gateway.models import ProblemView
from gateway.webhook_models import MESSAGES
from ringback.webhook import CONTENT_TYPE

Node = dict[str, Any]
Schemas = dict[Any, Node]  #: where each model's schema is

PROBLEM_JSON = "application/problem+json"
REF = "#/components/schemas/{model}"
FORM = "multipart/form-data"
SIGNED = {  #: headers of what webhooks get
    "webhook-id": "the message's id", "webhook-timestamp": "when it was signed, seconds",
    "webhook-signature": "`v1,` and the HMAC-SHA256 in base64; one or more, apart by spaces",
}  # fmt: skip
EVERYWHERE = (kinds.METHOD_NOT_ALLOWED, kinds.NOT_ACCEPTABLE, kinds.INTERNAL, kinds.UNAVAILABLE)
ABOUT = """Long jobs that tell how they ended: submit them, follow them, get their results.

Every error is a problem (RFC 9457) whose `type` is stable; a foreign id and an unknown one get the
same 404. Clients must ignore fields that they don't know. Live events come over Socket.IO and SSE:
see `/asyncapi.json`."""


def openapi(endpoints: Sequence[Endpoint], url: str) -> Node:
    """The document; ``url``: where users reach the gateway."""
    models = _models(endpoints)
    names, definitions = models_json_schema(
        [(m, "serialization" if _is_answer(m, endpoints) else "validation") for m in models],
        ref_template=REF,
    )
    schemas: Schemas = {model: schema for (model, _), schema in names.items()}
    paths: dict[str, Node] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback", "version": version("ringback"), "description": ABOUT,
        },
        "servers": [{"url": url.rstrip("/")}],
        "tags": [{"name": tag} for tag in dict.fromkeys(e.tag for e in endpoints)],
        "paths": paths,
        "webhooks": {name: _webhook(name, model, schemas) for name, model in MESSAGES.items()},
        "components": {
            "schemas": {n: _readable(s) for n, s in definitions["$defs"].items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }  # fmt: skip


def _readable(schema: Node) -> Node:
    """Docstrings are reStructuredText, the descriptions of OpenAPI are Markdown."""
    return {**schema, "description": schema.get("description", "").replace("``", "`")}


def _models(endpoints: Sequence[Endpoint]) -> list[type[BaseModel]]:
    found = [m for e in endpoints for m in (e.body, e.answer) if m is not None]
    return list(dict.fromkeys([ProblemView, *MESSAGES.values(), *found]))


def _is_answer(model: type[BaseModel], endpoints: Sequence[Endpoint]) -> bool:
    told = (ProblemView, *MESSAGES.values())
    return model in told or any(e.answer is model for e in endpoints)


def _operation(endpoint: Endpoint, schemas: Schemas) -> Node:
    told: Node = {
        "operationId": endpoint.name, "summary": endpoint.summary, "tags": [endpoint.tag],
        "parameters": [*_path(endpoint), *_query(endpoint), *_headers(endpoint.headers)],
        "responses": _responses(endpoint, schemas),
    }  # fmt: skip
    if endpoint.role is not None:
        told["security"] = [{"token": []}]
        if endpoint.role != "user":
            wanted = "` or `".join(filter(None, (endpoint.role, endpoint.also)))
            told["description"] = f"Needs the role `{wanted}`."
    if endpoint.body is not None or endpoint.consumes != JSON:
        told["requestBody"] = _body(endpoint, schemas)
    return told


def _path(endpoint: Endpoint) -> Iterator[Node]:
    for name in re.findall(r"{(\w+)", endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(endpoint: Endpoint) -> Iterator[Node]:
    if endpoint.query is None:
        return
    whole = endpoint.query.model_json_schema()
    for name, schema in whole["properties"].items():
        told = _plain(schema)
        listed = told.get("type") == "array"  # state=failed,partial
        yield {
            "name": name, "in": "query", "required": name in whole.get("required", ()),
            "description": told.pop("description", ""), "schema": told,
            **({"style": "form", "explode": False} if listed else {}),
        }  # fmt: skip


def _plain(schema: Node) -> Node:
    """A query can't say null: it leaves the name out."""
    told = {name: value for name, value in schema.items() if name not in ("title", "anyOf")}
    options = [o for o in schema.get("anyOf", ()) if o.get("type") != "null"]
    if told.get("default", ...) is None:
        told.pop("default")
    return {**(options[0] if options else {}), **told}


def _headers(headers: Mapping[str, str], *, required: bool = False) -> Iterator[Node]:
    for name, meaning in headers.items():
        yield {
            "name": name, "in": "header", "required": required, "description": meaning,
            "schema": {"type": "string"},
        }  # fmt: skip


def _body(endpoint: Endpoint, schemas: Schemas) -> Node:
    if endpoint.body is None:  # a file: as it is, or as a form's part
        form = {"type": "object", "required": ["file"], "properties": {"file": _binary()}}
        return {
            "required": True,
            "content": {endpoint.consumes: {"schema": _binary()}, FORM: {"schema": form}},
        }
    content = {endpoint.consumes: {"schema": schemas[endpoint.body], **_shown(endpoint.body)}}
    content |= {kind: {"schema": _binary()} for kind in endpoint.raw}
    return {"required": not endpoint.body_optional, "content": content}


def _shown(model: type[BaseModel]) -> Node:
    """An example, of the models that have one; what nobody has to say is left out."""
    for example in examples_of(model):
        return {"example": example.payload.model_dump(mode="json", exclude_unset=True)}
    return {}


def _binary() -> Node:
    return {"type": "string", "contentMediaType": "application/octet-stream"}


def _responses(endpoint: Endpoint, schemas: Schemas) -> Node:
    told: dict[str, Node] = {str(endpoint.status): _success(endpoint, schemas)}
    if "If-None-Match" in endpoint.headers:
        told["304"] = {"description": "The client has it already"}
    by_status: dict[int, list[Kind]] = {}
    for kind in problems_of(endpoint):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds_ in sorted(by_status.items()):
        told[str(status)] = _problem(kinds_)
    return told


def problems_of(endpoint: Endpoint) -> list[Kind]:
    """Every kind of problem that the endpoint may answer with."""
    found = [*endpoint.problems, *EVERYWHERE]
    if endpoint.role is not None:
        found.append(kinds.UNAUTHORIZED)
    if endpoint.role not in (None, "user"):
        found.append(kinds.FORBIDDEN)
    if endpoint.body is not None:
        found += [kinds.BAD_REQUEST, kinds.TOO_LARGE, kinds.UNSUPPORTED_MEDIA_TYPE]
    if endpoint.query is not None or endpoint.path.startswith("/api/"):
        found.append(kinds.BAD_REQUEST)
    return list(dict.fromkeys(found))


def _success(endpoint: Endpoint, schemas: Schemas) -> Node:
    told: Node = {"description": endpoint.summary}
    if endpoint.answer is not None:
        shown = _shown(endpoint.answer)
        told["content"] = {endpoint.produces[0]: {"schema": schemas[endpoint.answer], **shown}}
    elif not endpoint.produces:
        told["content"] = {"*/*": {"schema": _binary()}}
    elif endpoint.status != 204:
        told["content"] = {kind: {"schema": {"type": "string"}} for kind in endpoint.produces}
    if endpoint.sends:
        told["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in endpoint.sends.items()
        }
    return told


def _webhook(name: str, model: type[BaseModel], schemas: Schemas) -> Node:
    """What we post to whoever has registered for it."""
    return {"post": {
        "operationId": name, "summary": " ".join((model.__doc__ or "").replace("``", "`").split()),
        "tags": ["webhooks"],
        "parameters": list(_headers(SIGNED, required=True)),
        "requestBody": {"required": True, "content": {CONTENT_TYPE: {"schema": schemas[model]}}},
        "responses": {
            "2XX": {"description": "Taken"}, "410": {"description": "Switch the webhook off"},
            "default": {"description": "Send it again later"},
        },
    }}  # fmt: skip


def _problem(found: Sequence[Kind]) -> Node:
    examples = {
        kind.name: {
            "summary": kind.when,
            "value": {
                "type": kind.type, "title": kind.title, "status": kind.status, "detail": kind.when,
            },
        }
        for kind in found
    }  # fmt: skip
    content = {"schema": {"$ref": REF.format(model="ProblemView")}, "examples": examples}
    described = " or ".join(kind.title for kind in found)
    return {"description": described, "content": {PROBLEM_JSON: content}}

"""From what a client sent to a typed request, or to the problem that names each wrong field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway import kinds
from gateway.models import Fix
from gateway.problems import BODY_LIMIT, Problem, bad_request, wrong_fields
from ringback.errors import FieldError

M = TypeVar("M", bound=BaseModel)

_WORDS = {
    "missing": "is missing; it is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "string_unicode": "must be text",
    "none_required": "must be null",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be one of {expected}",
    "value_error": "{error}",
}
_MOMENT = "must be a moment with its zone, such as 2026-01-31T09:30:00Z"


def decode(model: type[M], data: Any, whole: str = "body") -> M:
    """``data`` as the model; raises a 400 Problem. ``whole``: how ``data`` itself is called."""
    if not isinstance(data, dict):
        fields = ", ".join(_known(model))
        raise bad_request(whole, data, f"must be {_AN_OBJECT.get(whole, 'an object')} of: {fields}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise wrong_fields([_fault(model, e, data) for e in error.errors()]) from None


_AN_OBJECT = {"body": "a JSON object"}


async def body_of(request: web.Request, most: int = BODY_LIMIT) -> Any:
    """The JSON body. Raises a Problem: 415 where it says that it is something else, 400 that says
    where it isn't JSON, 413 for more than ``most`` bytes. What says nothing is taken as JSON."""
    kind = request.content_type if "Content-Type" in request.headers else "application/json"
    if kind != "application/json" and not kind.endswith("+json"):
        told = f"The body is said to be {kind}. Send JSON, with Content-Type: application/json."
        raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, told)
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        told = f"The body is said to be in {request.charset}. JSON is in UTF-8 (RFC 8259, 8.1)."
        raise Problem(kinds.UNSUPPORTED_MEDIA_TYPE, told)
    try:
        larger = request if most == BODY_LIMIT else request.clone(client_max_size=most)
        return orjson.loads(await larger.read())
    except web.HTTPRequestEntityTooLarge:
        raise Problem(kinds.TOO_LARGE, f"A JSON body may have up to {most:,} bytes.") from None
    except orjson.JSONDecodeError as error:
        raise bad_request("body", None, f"isn't JSON: {error}") from None


def query_of(request: web.Request, model: type[M]) -> M:
    """The query. Raises a 400 Problem, also for a name that comes twice."""
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise bad_request(name, value, "comes twice; send it once")
        given[name] = value
    return decode(model, given, "query")


def _fault(model: type[BaseModel], error: ErrorDetails, data: Mapping[str, Any]) -> FieldError:
    path = ".".join(str(part) for part in error["loc"])
    missing = error["type"] == "missing"
    value = None if missing else error["input"]
    field = str(error["loc"][0])
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        return FieldError(path, data[field], f"is unknown; known: {', '.join(_known(model))}")
    return FieldError(path, value, _fix(model, field) or _words(error))


def no_query(request: web.Request) -> None:
    """For what takes no query. Raises a 400 Problem that names the first name in it."""
    for name, value in request.query.items():
        raise bad_request(name, value, "is unknown; nothing is taken in the query here")


def _known(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()] or ["none"]


def _fix(model: type[BaseModel], name: str) -> str | None:
    info = model.model_fields.get(name)
    marks = () if info is None else info.metadata
    return next((mark.text for mark in marks if isinstance(mark, Fix)), None)


def _words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind.startswith(("datetime", "timezone")):
        return _MOMENT
    if kind == "extra_forbidden":
        return "is unknown"
    context = error.get("ctx", {})
    if context.get("min_length") == 1:
        return "must not be empty"
    # (a test goes over all kinds that our models have)
    return _WORDS.get(kind, "is not valid").format(**context)

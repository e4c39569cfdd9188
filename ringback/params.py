"""What is wrong with a job's params, field by field, in few words and without the value in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema

from ringback.errors import FieldError

EXACT = 2**53  #: up to which every reader of JSON holds whole numbers exactly
TOLD = 50  #: wrong fields; a list may have thousands of them
_KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "array": "a list",
    "object": "an object", "boolean": "true or false", "null": "null",
}  # fmt: skip
_LIMITS = {
    "minItems": "have at least {} entries", "maxItems": "have at most {} entries",
    "minLength": "have at least {} characters", "maxLength": "have at most {} characters",
    "minProperties": "have at least {} members", "maxProperties": "have at most {} members",
    "minimum": "be at least {}", "maximum": "be at most {}",
    "exclusiveMinimum": "be more than {}", "exclusiveMaximum": "be less than {}",
    "multipleOf": "be a multiple of {}",
}  # fmt: skip
_SINGULAR = {"entries": "entry", "characters": "character", "members": "member"}
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)  #: of a pattern


def faults(schema: Mapping[str, Any], params: Mapping[str, Any]) -> list[FieldError]:
    """One entry per wrong field, ``TOLD`` at most."""
    validator = _Validator(schema)
    found = (fault for e in validator.iter_errors(dict(params)) for fault in _field_errors(e))
    by_field = {fault.field: fault for fault in islice(found, TOLD)}
    return list(by_field.values())  # ("required" comes once per missing field)


def _is_integer(_: Any, value: Any) -> bool:
    # JSON's numbers have no bound; a reader gives a very large one as a float, which isn't it
    if isinstance(value, float):
        return value.is_integer() and abs(value) < EXACT
    return isinstance(value, int) and not isinstance(value, bool)


def _fits_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _compiled(pattern).search(value):
        yield jsonschema.ValidationError("")


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of JSON Schema, which means ECMA-262: there ``$`` is the very end, whereas in
    Python a line's end may follow."""
    return re.compile(_PIECES.sub(lambda m: r"\Z" if m[0] == "$" else m[0], pattern))


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # so its stubs say
    jsonschema.Draft202012Validator,
    {"pattern": _fits_pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _field_errors(error: Any) -> Iterator[FieldError]:
    path = ".".join(("params", *map(str, error.absolute_path)))
    options = _options(error)
    if len({e.schema_path[0] for e in options}) == 1:  # only one of the choices was meant
        for inner in options:
            yield from _field_errors(inner)
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield from (FieldError(f"{path}.{n}", None, "is missing; it is required") for n in missing)
    elif error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        message = f"is unknown; known: {', '.join(known)}"
        extra = [name for name in error.instance if name not in known]
        yield from (FieldError(f"{path}.{n}", error.instance[n], message) for n in extra)
    else:
        yield FieldError(path, error.instance, _fault(error))


def _options(error: Any) -> list[Any]:
    """Of a choice ("text or null"), why each doesn't fit: the library only says that none does."""
    return [e for e in error.context if e.schema.get("type") != "null"]


def _fault(error: Any) -> str:
    if options := _options(error):
        return "; or ".join(dict.fromkeys(_fault(e) for e in options))
    wanted = error.validator_value
    match error.validator:
        case "type":
            return f"must be {_KINDS.get(wanted, wanted)}"
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "const":
            return f"must be {wanted}"
        case "pattern":
            return f"must be {error.schema.get('description', wanted)}"
        case "uniqueItems":
            return "must have each entry once"
    return _limit(error.validator, wanted)


def _limit(name: str, wanted: Any) -> str:
    if name not in _LIMITS:
        return f"must fit the type's schema ({name})"
    told = _LIMITS[name]
    if wanted == 1:
        words, _, noun = told.rpartition(" ")
        told = f"{words} {_SINGULAR.get(noun, noun)}"
    return f"must {told.format(f'{wanted:,}')}"

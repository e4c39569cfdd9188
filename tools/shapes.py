"""Whether two versions of a JSON Schema get along, for as much of JSON Schema as our models use.

What we answer must be what clients were built for: whatever the current shape allows, the
published one allowed. What clients send must still be taken: whatever the published shape allowed,
the current one allows. Clients ignore fields that they don't know, so answers may have new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Node = dict[str, Any]
Direction = Literal["answer", "request"]

NOTES = {
    "title", "description", "examples", "default", "deprecated", "discriminator",
    "contentMediaType", "$defs",
}  # fmt: skip
LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME = ("pattern", "format", "multipleOf", "uniqueItems", "propertyNames")
UNDERSTOOD = NOTES | {
    "$ref", "anyOf", "oneOf", "allOf", "type", "enum", "const", "properties", "required",
    "additionalProperties", "patternProperties", "items", "prefixItems", *LEAST, *MOST, *SAME,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A schema, and the document that its references lead into."""

    node: Any
    document: Node

    def at(self, node: Any) -> Shape:
        """Another schema of the same document."""
        return Shape(node, self.document)

    def options(self) -> Iterator[Node]:
        """The alternatives of which a value is one, without references, unions and enums."""
        node = self.followed()
        node = {} if node is True else node
        unknown = node.keys() - UNDERSTOOD
        if unknown:
            raise ValueError(f"tools/shapes.py doesn't understand {sorted(unknown)}: {node}")
        if union := node.get("anyOf") or node.get("oneOf") or node.get("allOf"):
            if "allOf" in node and len(union) > 1:
                raise ValueError(f"tools/shapes.py doesn't understand allOf of several: {node}")
            for option in union:
                yield from self.at(option).options()
        elif "enum" in node:
            for value in node["enum"]:
                yield {"const": value, "type": _type_of(value)}
        elif isinstance(node.get("type"), list):
            for kind in node["type"]:
                yield {**node, "type": kind}
        else:
            yield {**node, "type": _type_of(node["const"])} if "const" in node else node

    def followed(self) -> Any:
        """What it is, or leads to."""
        found = self.node
        while isinstance(found, dict) and "$ref" in found:
            path, found = found["$ref"].removeprefix("#/").split("/"), self.document
            for part in path:
                found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return "null" if value is None else names[type(value)]


@dataclass
class Comparison:
    """Compares what is published with what is current."""

    direction: Direction
    _under_way: set[tuple[int, int]] = field(default_factory=set)

    def breaks(self, published: Shape, current: Shape, where: str) -> Iterator[str]:
        """What would break clients, and where."""
        if self.direction == "answer":
            yield from self._unfit(current, published, where)
        else:
            yield from self._unfit(published, current, where)

    def _unfit(self, inner: Shape, outer: Shape, where: str) -> Iterator[str]:
        """Why a value that ``inner`` allows isn't always one that ``outer`` allows."""
        pair = id(inner.followed()), id(outer.followed())
        if pair in self._under_way:
            return  # a recursive model: the question is being answered further out
        self._under_way.add(pair)
        wider = list(outer.options())
        for option in inner.options():
            yield from self._no_option(inner.at(option), [outer.at(o) for o in wider], where)
        self._under_way.discard(pair)

    def _no_option(self, inner: Shape, outers: list[Shape], where: str) -> Iterator[str]:
        alike = [outer for outer in outers if _same_kind(inner.node, outer.node)]
        reasons = [list(self._reasons(inner, outer, where)) for outer in alike]
        if not reasons:
            yield f"{where}: {self._may_be(_named(inner.node))}"
        elif all(reasons):
            yield from min(reasons, key=len)

    def _may_be(self, what: str) -> str:
        return f"may be {what} now" if self.direction == "answer" else f"{what} is refused now"

    def _reasons(self, inner: Shape, outer: Shape, where: str) -> Iterator[str]:
        yield from self._bounds(inner.node, outer.node, where)
        kind = outer.node.get("type")
        if kind == "object":
            yield from self._fields(inner, outer, where)
        elif kind == "array":
            yield from self._entries(inner, outer, where)

    def _bounds(self, inner: Node, outer: Node, where: str) -> Iterator[str]:
        if "const" in inner:
            return
        for name in (*LEAST, *MOST, *SAME):
            limit, own = _without_notes(outer.get(name)), _without_notes(inner.get(name))
            if limit is None or limit == own:
                continue
            tighter = own is not None and (
                (name in LEAST and own > limit) or (name in MOST and own < limit)
            )
            if not tighter:
                yield f"{where}: {name} {self._was_and_is(own, limit)}"

    def _was_and_is(self, inner: Any, outer: Any) -> str:
        was, now = (outer, inner) if self.direction == "answer" else (inner, outer)
        return f"was {_or_none(was)} and is {_or_none(now)}"

    def _fields(self, inner: Shape, outer: Shape, where: str) -> Iterator[str]:
        fields, wider = inner.node.get("properties", {}), outer.node.get("properties", {})
        published, current = (wider, fields) if self.direction == "answer" else (fields, wider)
        for name in sorted(published.keys() - current.keys()):
            yield f"{where}.{name}: is gone"
        needed, given = (set(s.node.get("required", ())) for s in (outer, inner))
        for name in sorted((needed - given) & current.keys()):
            yield f"{where}.{name}: {self._presence()}"
        for name in sorted(fields.keys() & wider.keys()):
            yield from self._unfit(inner.at(fields[name]), outer.at(wider[name]), f"{where}.{name}")
            yield from self._default(fields[name], wider[name], f"{where}.{name}")
        yield from self._others(inner, outer, where)

    def _presence(self) -> str:
        return "may be missing now" if self.direction == "answer" else "is required now"

    def _default(self, inner: Any, outer: Any, where: str) -> Iterator[str]:
        if self.direction == "request" and "default" in inner:
            was, now = inner["default"], outer.get("default")
            if was != now:
                yield f"{where}: the default was {was!r} and is {now!r}"

    def _others(self, inner: Shape, outer: Shape, where: str) -> Iterator[str]:
        """Fields without a name in the schema."""
        own, wide = (s.node.get("patternProperties", {}) for s in (inner, outer))
        if own.keys() != wide.keys():
            yield f"{where}: names its fields in another way now"
        for pattern in sorted(own.keys() & wide.keys()):
            yield from self._unfit(inner.at(own[pattern]), outer.at(wide[pattern]), f"{where}.*")
        theirs, taken = (s.node.get("additionalProperties", True) for s in (inner, outer))
        if taken is False and theirs is not False:
            yield f"{where}: {self._may_be('an unknown field')}"
        elif isinstance(taken, dict) and theirs is not False:
            yield from self._unfit(inner.at(theirs), outer.at(taken), f"{where}.*")

    def _entries(self, inner: Shape, outer: Shape, where: str) -> Iterator[str]:
        theirs, taken = (s.node.get("prefixItems", []) for s in (inner, outer))
        if len(theirs) < len(taken):
            yield f"{where}[]: {self._was_and_is(len(theirs), len(taken))} entries"
        for place, (own, wide) in enumerate(zip(theirs, taken, strict=False)):
            yield from self._unfit(inner.at(own), outer.at(wide), f"{where}[{place}]")
        own, wide = (s.node.get("items", True) for s in (inner, outer))
        yield from self._unfit(inner.at(own), outer.at(wide), f"{where}[]")


def _same_kind(inner: Node, outer: Node) -> bool:
    if "const" in outer:
        return "const" in inner and inner["const"] == outer["const"]
    kinds = inner.get("type"), outer.get("type")
    return kinds[1] is None or kinds[0] == kinds[1] or kinds == ("integer", "number")


def _named(node: Node) -> str:
    return repr(node["const"]) if "const" in node else str(node.get("type", "anything"))


def _without_notes(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if name not in NOTES} or None


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)

"""The comparer of schemas behind the contract's test: what it lets pass, breaks nobody."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from shapes import Comparison, Direction, Shape

TEXT, WHOLE, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}
MAYBE = {"anyOf": [TEXT, NULL]}


def thing(*required: str, closed: bool = False, **fields: Any) -> dict[str, Any]:
    """An object's schema."""
    shape = {"type": "object", "properties": fields, "required": list(required)}
    return {**shape, "additionalProperties": False} if closed else shape


def compared(direction: Direction, published: Any, current: Any, **models: Any) -> list[str]:
    """What would break, where both documents have these models."""
    was, now = ({"components": {"schemas": models}} for _ in range(2))
    return list(Comparison(direction).breaks(Shape(published, was), Shape(current, now), "it"))


A, B = thing("a", a=TEXT), thing("a", a=TEXT, b=WHOLE)

FINE: list[tuple[Direction, Any, Any]] = [
    ("answer", A, {**A, "description": "Other words.", "examples": [{"a": "x"}]}),
    ("answer", A, B),
    ("answer", A, thing("a", "b", a=TEXT, b=WHOLE)),
    ("answer", thing(a=TEXT), A),
    ("answer", thing("a", a=MAYBE), A),
    ("answer", {"enum": ["x", "y"]}, {"enum": ["x"]}),
    ("answer", TEXT, {"enum": ["x", "y"]}),
    ("answer", {"type": "number"}, WHOLE),
    ("answer", {"type": ["string", "null"]}, MAYBE),
    ("answer", {}, A),
    ("answer", {"type": "array", "items": B}, {"type": "array", "items": B, "maxItems": 3}),
    ("answer", {"type": "object", "additionalProperties": True}, A),
    ("answer", {"oneOf": [A, TEXT]}, A),
    ("request", A, B),
    ("request", A, thing(a=TEXT)),
    ("request", A, thing("a", a=MAYBE)),
    ("request", thing("a", closed=True, a=TEXT), B),
    ("request", {"enum": ["x"]}, {"enum": ["x", "y"]}),
    ("request", {**TEXT, "maxLength": 5}, {**TEXT, "maxLength": 9}),
    ("request", {**TEXT, "minLength": 5, "pattern": "^a"}, TEXT),
    ("request", {**WHOLE, "minimum": 1}, {**WHOLE, "minimum": 0}),
]

BROKEN: list[tuple[Direction, Any, Any, list[str]]] = [
    ("answer", B, A, ["it.b: is gone"]),
    ("answer", A, thing(a=TEXT), ["it.a: may be missing now"]),
    ("answer", A, thing("a", a=WHOLE), ["it.a: may be integer now"]),
    ("answer", A, thing("a", a=MAYBE), ["it.a: may be null now"]),
    ("answer", {"enum": ["x"]}, {"enum": ["x", "y"]}, ["it: may be 'y' now"]),
    ("answer", {"enum": ["x"]}, TEXT, ["it: may be string now"]),
    ("answer", WHOLE, {"type": "number"}, ["it: may be number now"]),
    ("answer", {"type": "array", "items": A}, {"type": "array", "items": TEXT},
     ["it[]: may be string now"]),
    ("answer", {"type": "array", "items": A}, {"type": "array"}, ["it[]: may be anything now"]),
    ("answer", {"type": "object", "additionalProperties": WHOLE},
     {"type": "object", "additionalProperties": TEXT}, ["it.*: may be string now"]),
    ("answer", {**TEXT, "format": "date-time"}, TEXT, ["it: format was date-time and is none"]),
    ("answer", {"type": "array", "prefixItems": [A, TEXT]}, {"type": "array", "prefixItems": [A]},
     ["it[]: was 2 and is 1 entries"]),
    ("answer", {"type": "array", "prefixItems": [A]}, {"type": "array", "prefixItems": [TEXT]},
     ["it[0]: may be string now"]),
    ("answer", {"type": "object", "patternProperties": {"^a": TEXT}},
     {"type": "object", "patternProperties": {"^a": WHOLE}}, ["it.*: may be integer now"]),
    ("answer", {"type": "object", "patternProperties": {"^a": TEXT}},
     {"type": "object", "patternProperties": {"^b": TEXT}},
     ["it: names its fields in another way now"]),
    ("request", B, A, ["it.b: is gone"]),
    ("request", A, thing("a", "b", a=TEXT, b=WHOLE), ["it.b: is required now"]),
    ("request", thing(a=TEXT), A, ["it.a: is required now"]),
    ("request", thing("a", a=MAYBE), A, ["it.a: null is refused now"]),
    ("request", {"enum": ["x", "y"]}, {"enum": ["x"]}, ["it: 'y' is refused now"]),
    ("request", TEXT, {"enum": ["x"]}, ["it: string is refused now"]),
    ("request", A, thing("a", closed=True, a=TEXT), ["it: an unknown field is refused now"]),
    ("request", {**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 5},
     ["it: maxLength was 9 and is 5"]),
    ("request", WHOLE, {**WHOLE, "minimum": 1}, ["it: minimum was none and is 1"]),
    ("request", thing(a={**TEXT, "default": "x"}), thing(a={**TEXT, "default": "y"}),
     ["it.a: the default was 'x' and is 'y'"]),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "published", "current"), FINE)
def test_a_change_that_no_client_minds_passes(
    direction: Direction, published: Any, current: Any
) -> None:
    assert compared(direction, published, current) == []


@pytest.mark.parametrize(("direction", "published", "current", "told"), BROKEN)
def test_a_change_that_breaks_clients_is_told_with_its_place(
    direction: Direction, published: Any, current: Any, told: list[str]
) -> None:
    assert compared(direction, published, current) == told


def test_references_are_followed_and_recursive_models_end() -> None:
    tree = thing("name", name=TEXT, children={"type": "array", "items": {"$ref": "#/$defs/tree"}})
    other = copy.deepcopy(tree)
    other["properties"]["name"] = MAYBE
    was, now = ({"$defs": {"tree": t}} for t in (tree, other))
    root = {"$ref": "#/$defs/tree"}
    breaks = Comparison("answer").breaks(Shape(root, was), Shape(root, now), "tree")
    assert list(breaks) == ["tree.name: may be null now"]
    assert not list(Comparison("answer").breaks(Shape(root, was), Shape(root, was), "tree"))


@pytest.mark.parametrize("schema", [{"not": TEXT}, {"allOf": [A, B]}])
def test_what_the_comparer_doesnt_understand_it_refuses_to_judge(schema: Any) -> None:
    with pytest.raises(ValueError, match="doesn't understand"):
        compared("answer", schema, schema)


# -- the property behind the tables

scalars = st.sampled_from(
    [
        TEXT, WHOLE, NULL, {"type": "number"}, {"type": "boolean"}, {"enum": ["x", "y"]},
        {"const": "x"}, {**WHOLE, "minimum": 1}, {**TEXT, "maxLength": 1}, MAYBE, {},
    ]
)  # fmt: skip


def objects(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from("abc"), parts, max_size=3)
    return st.builds(
        lambda f, need, closed: thing(*sorted(need & f.keys()), closed=closed, **f),
        fields, st.sets(st.sampled_from("abc")), st.booleans(),
    )  # fmt: skip


schemas = st.recursive(
    scalars,
    lambda parts: st.one_of(
        objects(parts),
        parts.map(lambda part: {"type": "array", "items": part}),
        st.lists(parts, min_size=2, max_size=2).map(lambda two: {"anyOf": two}),
    ),
    max_leaves=5,
)
plain = st.sampled_from([None, True, False, 0, 1, 2, 1.5, "", "x", "y", "zz"])
values = st.recursive(
    plain,
    lambda parts: st.one_of(
        st.lists(parts, max_size=2), st.dictionaries(st.sampled_from("abcd"), parts, max_size=3)
    ),
    max_leaves=5,
)


def valid(value: Any, schema: Any) -> bool:
    # `true` is an instance of `integer` to nobody, 1.0 to jsonschema: neither is drawn
    return bool(Draft202012Validator(schema).is_valid(value))


@settings(max_examples=100, deadline=None)
@given(schemas, schemas, st.lists(values, min_size=12, max_size=12))
def test_whatever_passes_takes_all_that_was_taken_and_says_nothing_that_was_never_said(
    published: Any, current: Any, drawn: list[Any]
) -> None:
    # a hit by two schemas that have nothing to do with each other is rare: these are often alike
    for was, now in ((published, current), (published, published)):
        if not compared("request", was, now):
            assert all(valid(value, now) for value in drawn if valid(value, was))
        if not compared("answer", was, now):
            assert all(valid(value, was) for value in drawn if valid(value, now))


@settings(max_examples=60, deadline=None)
@given(schemas)
def test_a_shape_that_stays_as_it_is_breaks_nobody(schema: Any) -> None:
    assume(schema)
    again = copy.deepcopy(schema)
    assert compared("answer", schema, again) == compared("request", schema, again) == []

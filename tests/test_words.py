"""Whoever sends a wrong field is told in our words, not in those of the libraries that check it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import gateway.app  # noqa: F401 (brings in all models)
from gateway.decode import decode
from gateway.models import Query, Request
from gateway.problems import Problem

WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 1 << 70, float("nan"),
    "", "x", "\0", "\ud800", "x" * 3_000, "9" * 5_000, "2026-01-31", "2026-13-31T00:00:00Z",
    [], [1], ["", None], ["a"] * 200, {}, {"x": 1}, {"": {}}, {"csv.import": {"from": 1}},
]  # fmt: skip
THEIRS = ("should", "Input", "valid integer", "at least 1 ", "non-empty", "is not valid")


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


@pytest.mark.parametrize("model", [*models(Request), *models(Query)], ids=lambda m: m.__name__)
def test_every_wrong_field_of_every_request_is_told_in_our_words(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        for value in WRONG:
            try:
                decode(model, {field.alias or name: value})
            except Problem as problem:
                for error in problem.body["errors"]:
                    assert not any(words in error["message"] for words in THEIRS), error

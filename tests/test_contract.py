"""The published contract: what clients rely on stays; docs/contract.md says what that means."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from contract import PUBLISHED, breaks, canonical, documents

NAMES = ("openapi", "asyncapi")


@pytest.fixture(scope="module")
def current() -> dict[str, Any]:
    return documents()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_clients_rely_on_has_changed(name: str, current: dict[str, Any]) -> None:
    published = json.loads((PUBLISHED / f"{name}.json").read_text())
    assert breaks(published, current[name]) == [], "see docs/contract.md"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_new_has_been_published(name: str, current: dict[str, Any]) -> None:
    kept = (PUBLISHED / f"{name}.json").read_text()
    assert canonical(current[name]) == kept, "run `make contract` and commit what it writes"


def changed(document: Any, path: str, value: Any = None) -> Any:
    """A copy without what is at the path, or with another value there."""
    mutant = copy.deepcopy(document)
    *parents, last = path.split(" ")
    node = mutant
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return mutant


JOB = "paths /api/v1/jobs/{id} get"
SUBMIT = "paths /api/v1/jobs post"
VIEW = "components schemas JobView properties"


@pytest.mark.parametrize(
    ("name", "path", "value", "told"),
    [
        ("openapi", "paths /api/v1/jobs/{id}", None, "GET /api/v1/jobs/{id}: is gone"),
        ("openapi", f"{JOB} responses 200", None, "GET /api/v1/jobs/{id} 200: is gone"),
        ("openapi", f"{VIEW} title", None, "GET /api/v1/jobs/{id} 200.title: is gone"),
        ("openapi", f"{VIEW} version", {"type": "string"},
         "GET /api/v1/jobs/{id} 200.version: may be string now"),
        ("openapi", "components schemas SubmitRequest required", ["type", "params"],
         "POST /api/v1/jobs body.params: is required now"),
        ("openapi", f"{SUBMIT} requestBody content", {"text/plain": {}},
         "POST /api/v1/jobs body application/json: is gone"),
        ("openapi", "webhooks job-ended", None, "webhook job-ended: is gone"),
        ("openapi", "webhooks job-ended post parameters", [],
         "webhook job-ended header webhook-id: is gone"),
        ("openapi", "components schemas JobEnded properties owner", None,
         "webhook job-ended.owner: is gone"),
        ("asyncapi", "components messages job headers", None, "socket.job job headers: is gone"),
        ("asyncapi", "operations on.cancel", None, "on.cancel: is gone"),
        ("asyncapi", "operations stream.job", None, "stream.job: is gone"),
        ("asyncapi", "channels stream address", "/elsewhere", "channel stream: is gone"),
        ("asyncapi", f"{VIEW} title", None, "socket.job job.title: is gone"),
        ("asyncapi", "components schemas SeenEvent properties version", {"type": "string"},
         "on.seen seen.version: integer is refused now"),
    ],
)  # fmt: skip
def test_a_change_that_breaks_clients_is_told(
    current: dict[str, Any], name: str, path: str, value: Any, told: str
) -> None:
    assert told in breaks(current[name], changed(current[name], path, value))


@pytest.mark.parametrize("name", NAMES)
def test_new_words_break_nobody(current: dict[str, Any], name: str) -> None:
    assert breaks(json.loads(canonical(current[name])), current[name]) == []

"""The published contract: `make contract` writes tests/data/contract/*.json.

These files hold the shapes of /openapi.json and /asyncapi.json that clients rely on, and nothing
that changes no shape (words, examples, versions). `breaks` compares them with what the gateway
says now: tests/test_contract.py refuses what would break clients, as docs/contract.md promises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapes import Comparison, Direction, Node, Shape

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "tests" / "data" / "contract"
WORDS = {"description", "summary", "title", "examples", "example", "info", "externalDocs", "tags"}
NAMED = {"properties", "schemas", "messages", "channels", "operations", "paths"}
PROBLEM = "application/problem+json"


def canonical(document: Node) -> str:
    """A document's shapes, and nothing else, in an order of their own."""
    return json.dumps(_bare(document), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _bare(value: Any, *, named: bool = False) -> Any:
    """``named``: the keys of ``value`` are names of ours, and no words of the specification's."""
    if isinstance(value, list):
        return [_bare(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: _bare(part, named=name in NAMED and not named)
        for name, part in value.items() if named or name not in WORDS
    }  # fmt: skip
    if PROBLEM in kept:  # which kinds of problem, is part of the contract
        kept[PROBLEM]["examples"] = {name: {} for name in value[PROBLEM].get("examples", ())}
    return kept


def breaks(published: Node, current: Node) -> list[str]:
    """What would break clients that were built for ``published``."""
    compare = _openapi if "openapi" in published else _asyncapi
    return sorted(set(compare(published, current)))


# -- OpenAPI


def _openapi(published: Node, current: Node) -> Iterator[str]:
    yield from _webhooks(published, current)
    for path, operations in published["paths"].items():
        for method, operation in operations.items():
            where, now = f"{method.upper()} {path}", current["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{where}: is gone"
            else:
                yield from _operation(Shape(operation, published), Shape(now, current), where)


def _webhooks(published: Node, current: Node) -> Iterator[str]:
    """What we post: its body and headers are an answer in all but name."""
    for name, old in published.get("webhooks", {}).items():
        where, new = f"webhook {name}", current.get("webhooks", {}).get(name)
        if new is None:
            yield f"{where}: is gone"
            continue
        was, now = Shape(old["post"], published), Shape(new["post"], current)
        before, after = ({p["name"] for p in shape.node["parameters"]} for shape in (was, now))
        for header in sorted(before - after):
            yield f"{where} header {header}: is gone"
        bodies = was.at(was.node["requestBody"]), now.at(now.node["requestBody"])
        yield from _content("answer", *bodies, where)


def _operation(was: Shape, now: Shape, where: str) -> Iterator[str]:
    if now.node.get("security") and not was.node.get("security"):
        yield f"{where}: needs a token now"
    yield from _parameters(was, now, where)
    yield from _body(was, now, where)
    yield from _responses(was, now, where)


def _parameters(was: Shape, now: Shape, where: str) -> Iterator[str]:
    before, after = (
        {(p["in"], p["name"]): p for p in s.node.get("parameters", ())} for s in (was, now)
    )
    for (place, name), old in before.items():
        at, new = f"{where} {place} {name}", after.get((place, name))
        if new is None:
            yield f"{at}: is gone"
            continue
        if new.get("required") and not old.get("required"):
            yield f"{at}: is required now"
        if any(old.get(key) != new.get(key) for key in ("style", "explode")):
            yield f"{at}: is written in another way now"
        yield from _shapes("request", was.at(old["schema"]), now.at(new["schema"]), at)
    for (place, name), new in after.items():
        if new.get("required") and (place, name) not in before:
            yield f"{where} {place} {name}: is new and required"


def _body(was: Shape, now: Shape, where: str) -> Iterator[str]:
    old, new = was.node.get("requestBody"), now.node.get("requestBody")
    if new and new.get("required") and not (old and old.get("required")):
        yield f"{where} body: is required now"
    if old:
        yield from _content("request", was.at(old), now.at(new or {}), f"{where} body")


def _responses(was: Shape, now: Shape, where: str) -> Iterator[str]:
    before, after = was.node["responses"], now.node["responses"]
    for status, old in before.items():
        at = f"{where} {status}"
        if status not in after:
            yield f"{at}: is gone"
            continue
        for header in sorted(old.get("headers", {}).keys() - after[status].get("headers", {})):
            yield f"{at} header {header}: is gone"
        yield from _content("answer", was.at(old), now.at(after[status]), at)
    for status in after.keys() - before.keys():
        if status < "400":
            yield f"{where} {status}: is a new way to succeed"


def _content(direction: Direction, was: Shape, now: Shape, where: str) -> Iterator[str]:
    current = now.node.get("content", {})
    for kind, old in was.node.get("content", {}).items():
        if kind not in current:
            yield f"{where} {kind}: is gone"
            continue
        new = current[kind]
        for name in sorted(old.get("examples", {}).keys() - new.get("examples", {})):
            if kind == PROBLEM:
                yield f"{where}: the problem {name} is gone"
        yield from _shapes(
            direction, was.at(old.get("schema", {})), now.at(new.get("schema", {})), where
        )


def _shapes(direction: Direction, was: Shape, now: Shape, where: str) -> Iterator[str]:
    yield from Comparison(direction).breaks(was, now, where)


# -- AsyncAPI


def _asyncapi(published: Node, current: Node) -> Iterator[str]:
    for name, channel in published["channels"].items():
        now = current["channels"].get(name)
        if now is None or now.get("address") != channel.get("address"):
            yield f"channel {name}: is gone"
    for name, operation in published["operations"].items():
        now = current["operations"].get(name)
        if now is None or now["action"] != operation["action"]:
            yield f"{name}: is gone"
        else:
            yield from _exchange(Shape(operation, published), Shape(now, current), name)


def _exchange(was: Shape, now: Shape, where: str) -> Iterator[str]:
    """An operation's messages, and those that answer them."""
    sent = was.node["action"] == "send"  # by us
    yield from _messages("answer" if sent else "request", was, now, where)
    if "reply" in was.node:
        before, after = was.at(was.node["reply"]), now.at(now.node.get("reply", {"messages": []}))
        yield from _messages("request" if sent else "answer", before, after, f"{where} reply")


def _messages(direction: Direction, was: Shape, now: Shape, where: str) -> Iterator[str]:
    before, after = (dict(_listed(shape)) for shape in (was, now))
    for name, old in before.items():
        if name not in after:
            yield f"{where} {name}: is gone"
        else:
            yield from _shapes(direction, old, after[name], f"{where} {name}")
    if direction == "answer" and "reply" in where:
        for name in sorted(after.keys() - before.keys()):
            yield f"{where} {name}: is a new way to answer"


def _listed(shape: Shape) -> Iterator[tuple[str, Shape]]:
    for reference in shape.node["messages"]:
        message = shape.at(reference).followed()
        yield message["name"], shape.at(message["payload"])
        if "headers" in message:
            yield f"{message['name']} headers", shape.at(message["headers"])


def documents() -> dict[str, Node]:
    """What the gateway says now."""
    from gateway.app import make_app
    from gateway.documents import DOCUMENTS
    from ringback.settings import Settings

    own: dict[str, Any] = {"jwt_secret": "0" * 64, "store_url": "redis://127.0.0.1"}
    told: dict[str, Node] = make_app(Settings(**own))[DOCUMENTS].all()
    return told


def main() -> None:
    """Publishes what is current."""
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (PUBLISHED / f"{name}.json").write_text(canonical(document))


if __name__ == "__main__":
    main()

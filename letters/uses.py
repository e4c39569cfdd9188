"""Uses: which variables a template is written with, by their dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from letters.vocabulary import JOB

#: What one element of a list of jobs is called here, whatever the loop calls it.
EACH = "jobs[]"


@dataclass(frozen=True, slots=True)
class Use:
    """A variable by its whole name ("job.error.message"), and the line it stands on."""

    name: str
    line: int


def uses(tree: nodes.Template) -> list[Use]:
    """Every variable that the template reads, but those it sets itself."""
    return list(_uses(tree, {}))


def _uses(node: nodes.Node, known: Mapping[str, str]) -> Iterator[Use]:
    if isinstance(node, nodes.For):
        yield from _uses(node.iter, known)
        inner = dict(known) | _targets(node.target, _each(node.iter, known))
        for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
            yield from _uses(child, inner)
        return
    if isinstance(node, nodes.Template | nodes.If):
        yield from _in_order(node, known)
        return
    dotted = _dotted(node)
    if dotted is not None:
        name = _resolved(dotted, known)
        if name is not None:
            yield Use(name, node.lineno)
        return
    for child in node.iter_child_nodes():
        yield from _uses(child, known)


def _in_order(node: nodes.Node, known: Mapping[str, str]) -> Iterator[Use]:
    """A variable that is set counts from there on."""
    inner = dict(known)
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Assign):
            yield from _uses(child.node, inner)
            inner |= _targets(child.target, "")
        else:
            yield from _uses(child, inner)


def _dotted(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Name):
        return node.name if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        owner = _dotted(node.node)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _resolved(dotted: str, known: Mapping[str, str]) -> str | None:
    """The name outside of loops; None: the template's own variable."""
    first, _, rest = dotted.partition(".")
    if first == "loop":
        return None
    if first not in known:
        return dotted
    owner = known[first]
    return f"{owner}.{rest}" if owner and rest else owner or None


def _each(iterated: nodes.Node, known: Mapping[str, str]) -> str:
    while isinstance(iterated, nodes.Getitem | nodes.Filter) and iterated.node is not None:
        iterated = iterated.node
    name = _dotted(iterated)
    return EACH if name is not None and _resolved(name, known) == "jobs" else ""


def _targets(target: nodes.Node, meaning: str) -> dict[str, str]:
    names = [node.name for node in target.find_all(nodes.Name)]
    if isinstance(target, nodes.Name):
        names.append(target.name)
    return dict.fromkeys(names, meaning)


def declared_as(name: str) -> list[str]:
    """What a use may be declared as, the nearest first: "job.error.message" by itself, or what it
    belongs to."""
    if name == EACH or name.startswith(f"{EACH}."):
        return [f"jobs.{name[len(EACH) + 1 :]}", "jobs"]
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def of_each(name: str) -> bool:
    """Whether a name behind ``jobs[].`` is one that a job has."""
    wanted = name.removeprefix(f"{EACH}.")
    return any(known == wanted or known.startswith(f"{wanted}.") for known in JOB)

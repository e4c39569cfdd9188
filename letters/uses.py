"""Uses: which variables a template is written with, by their dotted names, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from jinja2 import nodes

from letters.vocabulary import JOB, Variable

#: What one element of a list of jobs is called here, whatever the loop calls it.
EACH = "jobs[]"


@dataclass(frozen=True, slots=True)
class Use:
    """A variable by its whole name ("job.error.message"), and the line it stands on.

    ``printed``: readers see it, after ``filters``. ``tested``: only where it has a value.
    """

    name: str
    line: int
    printed: bool = False
    tested: bool = False
    filters: tuple[str, ...] = ()


def uses(tree: nodes.Template) -> list[Use]:
    """Every variable that the template reads, but those it sets itself."""
    return list(_uses(tree, _Around({})))


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a piece of a template: the template's own variables and what they are,
    which names have been tested, and what becomes of the piece."""

    known: Mapping[str, str]
    tested: frozenset[str] = frozenset()
    printed: bool = False
    filters: tuple[str, ...] = ()

    @property
    def read(self) -> _Around:
        """The same for what is read but not shown."""
        return replace(self, printed=False, filters=())

    def after(self, *tests: nodes.Node) -> _Around:
        """The same behind tests."""
        names = {use.name for test in tests for use in _uses(test, self.read)}
        return replace(self, tested=self.tested | names)

    def use(self, name: str, line: int) -> Use:
        owners = {name[:at] for at, char in enumerate(name) if char == "."}
        tested = bool(self.tested & {name, *owners})
        return Use(name, line, self.printed, tested, self.filters)


def _uses(node: nodes.Node, around: _Around) -> Iterator[Use]:
    match node:
        case nodes.Template() | nodes.Output():
            yield from _in_order(
                node.body if isinstance(node, nodes.Template) else node.nodes,
                replace(around, printed=isinstance(node, nodes.Output)),
            )
        case nodes.For():
            yield from _loop(node, around)
        case nodes.If():
            yield from _choice(node, around)
        case nodes.CondExpr():
            yield from _uses(node.test, around.read)
            chosen = around.after(node.test)
            for branch in (node.expr1, node.expr2):
                yield from _uses(branch, chosen) if branch is not None else ()
        case nodes.And() | nodes.Or():
            yield from _uses(node.left, around)
            yield from _uses(node.right, around.after(node.left))
        case nodes.Filter():
            shown = replace(around, filters=(node.name, *around.filters))
            yield from _uses(node.node, shown) if node.node is not None else ()
            for more in (*node.args, *node.kwargs):
                yield from _uses(more, around.read)
        case nodes.Compare() | nodes.Not() | nodes.Test():
            for child in node.iter_child_nodes():
                yield from _uses(child, around.read)
        case _:
            yield from _name(node, around)


def _in_order(body: Sequence[nodes.Node], around: _Around) -> Iterator[Use]:
    """A variable that is set counts from there on."""
    for child in body:
        if isinstance(child, nodes.Assign):
            yield from _uses(child.node, around.read)
            own = _targets(child.target, "")
            around = replace(around, known={**around.known, **own})
        else:
            yield from _uses(child, around)


def _loop(node: nodes.For, around: _Around) -> Iterator[Use]:
    yield from _uses(node.iter, around.read)
    own = _targets(node.target, _each(node.iter, around.known))
    inner = replace(around, known={**around.known, **own})
    if node.test is not None:
        yield from _uses(node.test, inner.read)
        inner = inner.after(node.test)
    yield from _in_order(node.body, inner)
    yield from _in_order(node.else_, around)


def _choice(node: nodes.If, around: _Around) -> Iterator[Use]:
    yield from _uses(node.test, around.read)
    chosen = around.after(node.test)
    yield from _in_order(node.body, chosen)
    for other in node.elif_:
        yield from _uses(other, chosen)
    otherwise = chosen.after(*(other.test for other in node.elif_))
    yield from _in_order(node.else_, otherwise)


def _name(node: nodes.Node, around: _Around) -> Iterator[Use]:
    dotted = _dotted(node)
    if dotted is None:
        for child in node.iter_child_nodes():
            yield from _uses(child, around)
        return
    name = _resolved(dotted, around.known)
    if name is not None:
        yield around.use(name, node.lineno)


def _dotted(node: nodes.Node) -> str | None:
    names: list[str] = []
    while isinstance(node, nodes.Getattr):
        names.append(node.attr)
        node = node.node
    if not isinstance(node, nodes.Name) or node.ctx != "load":
        return None
    return ".".join([node.name, *reversed(names)])


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


def variable_of(name: str, known: Mapping[str, Variable]) -> Variable | None:
    """The variable of the vocabulary that a use reads; None for a part of one, or none."""
    if name.startswith(f"{EACH}."):
        return JOB.get(name.removeprefix(f"{EACH}."))
    return known.get(name)

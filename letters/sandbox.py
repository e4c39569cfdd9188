"""Sandbox: what copy may do. Print variables through filters, choose, and go through lists.

Jinja's immutable sandbox keeps templates from the interpreter, not from bombs such as
``'a' * 10**10``. So here only the statements, filters, tests and attributes named below exist:
nothing can be called, numbers are the only operands, and what comes out is bounded. What could
still take long (loops in loops) runs in a child process with limits (``letters.press``).
"""

from __future__ import annotations

import difflib
import math
import re
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
)
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from letters.facts import Failure
from letters.people import Reader
from letters.phrases import JobWords
from letters.speech import FILTERS
from letters.unit import Message, Overrun, TemplateError

OUTPUT = 400_000  #: characters that one template may write
GREATEST = 10**15  #: a number that arithmetic may reach

#: Of Jinja's own filters, those that can't grow a text or hide that a value is missing.
_FILTERS = ("first", "last", "length", "lower", "upper", "capitalize", "trim", "join", "e", "int")
_TESTS = ("none", "eq", "==", "ne", "!=", "lt", "<", "gt", ">", "le", "<=", "ge", ">=", "in",
          "odd", "even", "defined", "true", "false")  # fmt: skip
_LOOP = ("index", "index0", "first", "last", "length", "revindex", "revindex0")
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign,
    nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or, nodes.CondExpr, nodes.Concat,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
    nodes.Keyword, nodes.Tuple, nodes.List,
)  # fmt: skip
_TAGS = ("if", "elif", "else", "endif", "for", "endfor", "set", "raw", "endraw")
_IN_WORDS = {
    "Call": "calling something", "Include": "include", "Import": "import", "Pow": "**",
    "FromImport": "from … import", "Extends": "extends", "Macro": "macro", "Block": "block",
    "CallBlock": "call", "FilterBlock": "filter … endfilter", "AssignBlock": "set … endset",
    "Dict": "{…: …}", "With": "with", "NSRef": "namespace",
}  # fmt: skip
_NO_ATTRIBUTE = re.compile(r"has no (?:attribute|element) '?([^']*)'?")
_NOT_KNOWN = re.compile(r"'([^']*)' is undefined")
_UNSAFE = re.compile(r"access to attribute '([^']*)'")
_SHOWN = (JobWords, Failure, Message, Reader)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all copy; ``page``: for HTML, where values are escaped."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def __init__(self, *, page: bool) -> None:
        super().__init__(
            autoescape=page, undefined=StrictUndefined, finalize=_printed, trim_blocks=True,
            lstrip_blocks=True, keep_trailing_newline=True, auto_reload=False, cache_size=0,
        )  # fmt: skip
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in _FILTERS} | dict(FILTERS)
        self.tests = {name: self.tests[name] for name in _TESTS}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """What a letter tells, and nothing of Python: no method, no private name."""
        if isinstance(obj, LoopContext):
            return attr in _LOOP

        shown = isinstance(obj, _SHOWN) and not callable(value)
        return shown and not attr.startswith("_")

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002 (Jinja passes it)
        """Nothing is."""
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers of a size that people read."""
        if not all(isinstance(it, int | float) for it in (left, right)):
            raise SecurityError(f"{operator} is for numbers; texts are joined with ~")
        if operator == "**":
            raise SecurityError("** isn't possible here")
        result = super().call_binop(context, operator, left, right)
        if abs(result) > GREATEST:
            raise SecurityError(f"{operator} makes too great a number")
        return result


def _printed(value: Any) -> Any:
    """Refuse to print "None" to somebody, or what Python calls a thing."""
    if value is None:
        raise TypeError("this value is None; test it before printing it")
    if isinstance(value, bool):
        raise TypeError("this is yes or no; choose words for it with {% if … %}")
    if isinstance(value, datetime):
        raise TypeError("this is a time; write it with |datetime")
    if isinstance(value, list | tuple):
        raise TypeError("this is a list; write it with |list, or go through it with {% for … %}")
    if not isinstance(value, str | int | float | Undefined):
        raise TypeError("this has several parts; print one of them, such as job.title")
    return value


_SOURCE, _PAGE = Sandbox(page=False), Sandbox(page=True)


class TookTooLong(Exception):
    """The time for a draft is over. Raised from outside, by the press's child."""


def parse(source: str, path: PurePath) -> nodes.Template:
    """The template as a tree of allowed nodes. Raises ``TemplateError`` with the line."""
    try:
        tree = _SOURCE.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateError(path, error.lineno, _syntax(error)) from error
    except RecursionError as error:
        raise TemplateError(path, 1, NESTED) from error
    except (ValueError, OverflowError) as error:  # a number of thousands of digits
        raise TemplateError(path, 1, "a number here has too many digits") from error
    for node in _nodes(tree):
        if refused := _refused(node):
            raise TemplateError(path, _line_of(node), refused)
    return tree


NESTED = "this is nested too deeply; use fewer {% if … %}, {% for … %} and brackets in each other"


def _refused(node: nodes.Node) -> str | None:
    """Why a node may not stand in copy; None: it may."""
    match node:
        case nodes.For(recursive=True):
            return "a recursive loop isn't possible in copy"
        case nodes.Filter(name=name) if name not in _SOURCE.filters:
            return f"there is no filter “{name}”. {did_you_mean(name, _SOURCE.filters)}"
        case nodes.Test(name=name) if name not in _SOURCE.tests:
            words = [test for test in _SOURCE.tests if test.isalpha()]
            return f"there is no test “{name}”. {did_you_mean(name, words)}"
        case nodes.Getattr(attr=name) | nodes.Name(name=name) if name.startswith("_"):
            return f"“{name}” can't be used in copy"
        case nodes.Const(value=float(value)) if not math.isfinite(value):
            return "this number is too great"
        case _ if isinstance(node, _NODES):
            return None
    what = _IN_WORDS.get(type(node).__name__, type(node).__name__.lower())
    return f"{what} isn't possible in copy"


def _line_of(node: nodes.Node) -> int:
    """The line of a node, or of the first thing in it: not each has its own."""
    lines: list[int | None] = [each.lineno for each in _nodes(node)]
    return next((line for line in lines if line is not None), 1)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint at the nearest of the ``known`` names; all of them where none is near."""
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean “{close[0]}”?" if close else f"Known: {', '.join(known)}"


def _syntax(error: TemplateSyntaxError) -> str:
    """Jinja's words, with the tag that may be meant."""
    text = error.message or "this can't be read"
    unknown = re.search(r"unknown tag '(\w+)'", text)
    if unknown and unknown[1] not in ("else", "elif", "endif", "endfor"):
        return f"there is no “{{% {unknown[1]} %}}”. {did_you_mean(unknown[1], _TAGS)}"
    return text


def _nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def write(source: str, path: PurePath, context: Mapping[str, object], *, page: bool = False) -> str:
    """The template's text. Raises ``TemplateError`` naming the line that failed."""
    try:
        return _bounded(_compiled(source, path, page), context, path)
    except TemplateError:
        raise
    except Exception as error:
        raise _located(error, path) from error


def _bounded(template: Template, context: Mapping[str, object], path: PurePath) -> str:
    out: list[str] = []
    size = 0
    for piece in template.generate(context):
        out.append(piece)
        size += len(piece)
        if size > OUTPUT:
            raise TemplateError(path, 1, f"this writes more than {OUTPUT:,} characters")
    return "".join(out)


@lru_cache(maxsize=128)
def _compiled(source: str, path: PurePath, page: bool) -> Template:
    parse(source, path)
    env = _PAGE if page else _SOURCE
    try:
        code = env.compile(source, path.name, str(path))
    except TemplateSyntaxError as error:
        raise TemplateError(path, error.lineno, _syntax(error)) from error
    except (RecursionError, SyntaxError) as error:  # Python's: blocks in blocks
        raise TemplateError(path, 1, NESTED) from error
    return Template.from_code(env, code, {})


def _located(error: Exception, path: PurePath) -> TemplateError:
    """``error`` with the template's line: Jinja puts it into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename == str(path)]
    line = (inside[-1].lineno if inside else None) or 1
    told = _in_plain_words(error, _filter_in(error, frames))
    kind = Overrun if isinstance(error, TookTooLong | MemoryError) else TemplateError
    return kind(path, line, told)


def _filter_in(error: Exception, frames: Iterable[traceback.FrameSummary]) -> str:
    """The filter that raised ``error``, by the name that copy uses; "" if it was none."""
    called = re.match(r"(\w+)\(\) (?:missing|takes|got)", str(error))
    names = [called[1]] if called else [frame.name for frame in frames]
    return next((_HELPERS[name] for name in names if name in _HELPERS), "")


def _in_plain_words(error: Exception, helper: str) -> str:
    text = str(error)
    if isinstance(error, TookTooLong):
        return f"{text}; look for a loop in a loop"
    if isinstance(error, UndefinedError):
        return _undefined(text)
    if isinstance(error, tuple(_REASONS)):
        return next(told for kind, told in _REASONS.items() if isinstance(error, kind))
    if isinstance(error, AttributeError | TypeError) and helper:
        return f"|{helper} can't be used on this value, or not with these words"
    if found := _UNSAFE.search(text):
        return f"“{found[1]}” can't be used in copy"
    told = isinstance(error, SecurityError | TypeError | ValueError)
    return text if told else f"{type(error).__name__}: {text}"


_REASONS: Mapping[type[Exception], str] = {
    MemoryError: "this takes too much memory; look for what doubles",
    RecursionError: NESTED,
    ZeroDivisionError: "this divides by zero; test the number before",
}


def _undefined(text: str) -> str:
    if found := _NO_ATTRIBUTE.search(text):
        return f"there is no “{found[1]}” here"
    if found := _NOT_KNOWN.search(text):
        return f"“{found[1]}” isn't known"
    return text


#: The functions behind filters, by the filter that copy calls them by.
_HELPERS = {function.__name__: name for name, function in _SOURCE.filters.items()}

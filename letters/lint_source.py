"""Rules of the source: variables, words and links as their author wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from letters.banned import banned
from letters.language import SOURCE, Language, Line
from letters.look import Look, Rule, Spot
from letters.sandbox import did_you_mean
from letters.unit import WRITTEN, line_of
from letters.uses import EACH, Use, declared_as, of_each, uses, variable_of
from letters.vocabulary import JOB, Variable, vocabulary

_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}")
_LINK = re.compile(r"(!?)\[[^\[\]\n]*\]\(\s*<?((?:\{\{.*?\}\}|[^)\s>])*)")
_HTML = re.compile(r"<\s*(?:/\s*)?[a-zA-Z][^<>]*>")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NUMBERS = {"number", "plural", "units", "int"}


def _uses(look: Look) -> Iterator[tuple[str, Use]]:
    for file, tree in look.trees.items():
        yield from ((file, use) for use in uses(tree))


def unknown(look: Look) -> Iterator[Spot]:
    """Whether each variable exists."""
    known = vocabulary(look.unit.about)
    for file, use in _uses(look):
        if not _exists(use, known):
            name = _written(use.name)
            names = [f"job.{it}" for it in JOB] if use.name.startswith(EACH) else known
            yield Spot(file, use.line, f"there is no “{name}”. {did_you_mean(name, names)}")


def _exists(use: Use, known: Mapping[str, Variable]) -> bool:
    if use.name.startswith(f"{EACH}."):
        return of_each(use.name)
    return use.name == EACH or any(
        name == use.name or name.startswith(f"{use.name}.") for name in known
    )


def undeclared(look: Look) -> Iterator[Spot]:
    """Whether message.toml tells of each variable that is used."""
    declared = {variable.name for variable in look.unit.message.variables}
    known = vocabulary(look.unit.about)
    for file, use in _uses(look):
        named = any(name in declared for name in declared_as(use.name))
        part = any(name.startswith(f"{use.name}.") for name in declared)
        if _exists(use, known) and not named and not part:
            text = (
                f"“{_written(use.name)}” isn't declared in message.toml; add it under [variables]"
            )
            yield Spot(file, use.line, text)


def unused(look: Look) -> Iterator[Spot]:
    """Whether each variable that message.toml tells of is used, and exists."""
    used = {name for _, use in _uses(look) for name in (use.name, *declared_as(use.name))}
    known = _declarable(look.unit.about)
    for variable in look.unit.message.variables:
        name = variable.name
        if name not in known:
            text = f"“{name}” is declared, but there is no such variable. "
            yield _declared(look, name, text + did_you_mean(name, known), level="error")
        elif not any(use == name or use.startswith(f"{name}.") for use in used):
            yield _declared(look, name, f"“{name}” is declared but never used; leave it out")


def _declarable(about: str) -> Mapping[str, Variable]:
    known = vocabulary(about)
    each = {f"jobs.{name}": variable for name, variable in JOB.items()} if "jobs" in known else {}
    return {**known, **each}


def _declared(look: Look, name: str, text: str, **level: str) -> Spot:
    source = look.unit.text("message.toml")
    line = line_of(source, rf'\[variables\."?{re.escape(name)}"?\]')
    return Spot("message.toml", line, text, **level)  # type: ignore[arg-type]  # a Level


def meaning(look: Look) -> Iterator[Spot]:
    """Whether message.toml says what the message and its variables are."""
    message, text = look.unit.message, look.unit.text("message.toml")
    for key in ("purpose", "sent_when", "badge"):
        if not getattr(message, key).strip():
            line = line_of(text, rf"{key}\s*=")
            yield Spot("message.toml", line, f"{key} is empty; say it in a sentence", "error")
    for variable in message.variables:
        for key in ("type", "meaning", "example"):
            if not getattr(variable, key).strip():
                yield _declared(look, variable.name, f"“{variable.name}” has an empty {key}")


def required(look: Look) -> Iterator[Spot]:
    """Whether what is declared as always there is."""
    known = _declarable(look.unit.about)
    for variable in look.unit.message.variables:
        real = known.get(variable.name)
        if variable.required and real and not real.required and not _given(look, variable.name):
            text = f"“{variable.name}” is declared as required, but it may be empty; say false"
            yield _declared(look, variable.name, text)


def _given(look: Look, name: str) -> bool:
    """A job that failed for a known category has an error."""
    return look.unit.about.startswith("failed-") and name in (
        "job.error.message", "job.error.category",
    )  # fmt: skip


def untested(look: Look) -> Iterator[Spot]:
    """Whether what may be missing is printed only where it is there."""
    known = vocabulary(look.unit.about)
    for file, use in _uses(look):
        variable = variable_of(use.name, known)
        if not use.printed or use.tested or variable is None or variable.required:
            continue
        if _given(look, use.name):
            continue
        test = f"{{% if {_written(use.name)} %}} … {{% endif %}}"
        if variable.type == "time" or ".error." in use.name:
            text = f"“{_written(use.name)}” may be missing; put it into {test}"
            yield Spot(file, use.line, text, "error")
        elif _has_words(look, file, use.line):
            empty = f"“{_written(use.name)}” may be empty, and words stand beside it"
            text = f"{empty}; put them into {test}"
            yield Spot(file, use.line, text)


def _written(name: str) -> str:
    """A name as authors write it: most call the one of ``jobs`` that a loop is at ``job``."""
    return name.replace(f"{EACH}.", "job.")


def _has_words(look: Look, file: str, line: int) -> bool:
    source = dict(look.lines(file)).get(line, "")
    return bool(_TAG.sub("", source).strip())


def number(look: Look) -> Iterator[Spot]:
    """Whether numbers are written as the reader writes them."""
    known = vocabulary(look.unit.about)
    for file, use in _uses(look):
        variable = variable_of(use.name, known)
        bare = use.printed and not _NUMBERS & set(use.filters)
        if bare and variable is not None and variable.type == "number":
            yield Spot(
                file, use.line, f"write “{_written(use.name)}” as {_written(use.name)}|number"
            )


def phrases(look: Look) -> Iterator[Spot]:
    """Whether it says what we never say, in any language."""
    for file in look.trees:
        for number_, line in look.words(file):
            for it in banned(line):
                text = f"“{it.phrase}” tells nobody anything; {it.fix}"
                yield Spot(file, number_, text, it.level)
        if file in WRITTEN:
            yield from _translated_phrases(look, file)


def _translated_phrases(look: Look, file: str) -> Iterator[Spot]:
    for language in look.writer.shelf.languages.all.values():
        if language.tag == SOURCE or look.unit.file_for(file, language.tag) != file:
            continue
        source = look.unit.text(file)
        lines = zip(source.split("\n"), language.template(source).split("\n"), strict=False)
        for number_, (original, line) in enumerate(lines, 1):
            for it in () if line == original else banned(_TAG.sub("", line)):
                where = f"“{it.phrase}” in the translation of this line into “{language.tag}”"
                yield Spot(file, number_, f"{where}: {it.fix}", it.level)


def shouting(look: Look) -> Iterator[Spot]:
    """Whether a subject shouts: spam filters and people think alike of it."""
    for file in look.trees:
        if not file.startswith("subject."):
            continue
        for number_, line in look.words(file):
            if "!" in line or "\uff01" in line:
                yield Spot(
                    file, number_, "a subject with “!” looks like an advertisement; use none"
                )
            for word in re.findall(r"\b[A-ZÀ-Þ]{4,}\b", line):
                yield Spot(file, number_, f"“{word}” shouts; write it in small letters")


def html(look: Look) -> Iterator[Spot]:
    """Whether there is HTML, or a picture, in the Markdown: readers would see it as it stands."""
    for file in look.trees:
        for number_, line in look.words(file):
            for tag in _HTML.findall(line)[:1]:
                text = f"{tag} would be shown as it stands; write Markdown, as in **bold**"
                yield Spot(file, number_, text)


def links(look: Look) -> Iterator[Spot]:
    """Whether links can be followed from an inbox."""
    for file in look.trees:
        for number_, line in look.lines(file):
            for picture, target in _LINK.findall(line) if file.endswith(".md") else ():
                if fault := _fault(look, picture, target):
                    yield Spot(file, number_, fault)


def _fault(look: Look, picture: str, target: str) -> str | None:
    if picture:
        return "pictures aren't possible in copy: mail programs block them; say it in words"
    if not target:
        return "this link leads nowhere; give it an address that begins with https://"
    if target.startswith("{{"):
        return _fault_of_variable(look, target)
    if target.startswith("https://") or re.match(r"mailto:[^@\s]+@[^@\s]+", target):
        return None
    if target.startswith("http://"):
        ours = target.startswith(look.writer.sender.page) and on_loopback(target)
        return None if ours else f"{target} isn't encrypted; write https://"
    return f"“{target}” is no address that an inbox can follow; begin it with https:// or mailto:"


def _fault_of_variable(look: Look, target: str) -> str | None:
    name = target.strip("{} ").split("|")[0].strip()
    variable = vocabulary(look.unit.about).get(name) or JOB.get(name.removeprefix("job."))
    if variable is None or variable.type == "URL":
        return None
    urls = [known.name for known in vocabulary(look.unit.about).values() if known.type == "URL"]
    return f"“{name}” is no address ({variable.type}); addresses are {', '.join(urls)}"


def on_loopback(url: str) -> bool:
    """Whether a URL leads to this machine, where nobody is between."""
    host = re.match(r"http://(\[[^\]]*\]|[^/:]*)", url)
    return host is not None and host[1].strip("[]") in _LOOPBACK


def translated(look: Look) -> Iterator[Spot]:
    """Whether all of it is there in each language that letters are in."""
    missing: dict[tuple[str, Line, int], list[str]] = {}
    for language in look.writer.shelf.languages.all.values():
        lines = _untranslated(look, language)
        if lines:
            missing.setdefault((*lines[0], len(lines)), []).append(language.tag)
    for (file, line, count), tags in missing.items():
        lines_ = "1 line isn't" if count == 1 else f"{count} lines aren't"
        stem, _, ending = file.rpartition(".")
        text = (
            f"{lines_} translated into {', '.join(tags)}, whose readers get all of this message in "
            f"English. The first: “{line.text}”. Add it to _locales/{tags[0]}.po, or write "
            f"{stem}.{tags[0]}.{ending}"
        )
        yield Spot(
            file, line.number, text, "error" if look.unit.origin == "built-in" else "warning"
        )


def _untranslated(look: Look, language: Language) -> list[tuple[str, Line]]:
    """The lines that nobody translated, those of the unit's own files first."""
    return [
        (file, line)
        for file in sorted(WRITTEN, key=look.inherits)
        if look.unit.file_for(file, language.tag) == file
        for line in language.missing(look.unit.text(file))
    ]


RULES = (
    Rule("unknown", "error", unknown),
    Rule("undeclared", "warning", undeclared),
    Rule("unused", "warning", unused),
    Rule("meaning", "warning", meaning),
    Rule("required", "warning", required),
    Rule("untested", "warning", untested),
    Rule("number", "warning", number),
    Rule("banned", "error", phrases),
    Rule("shouting", "warning", shouting),
    Rule("html", "error", html),
    Rule("link", "error", links),
    Rule("language", "warning", translated),
)

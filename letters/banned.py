"""Banned: what we never say to people, and what to say instead. The one list of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_SAY_WHAT = "say what happened, and what to do next"
_SAY_WHEN = "say when, or what has to happen before"
_LABEL = "name what the link does, such as “Download the 3 failed rows”"
_WHICH = "name the value that is wrong, and what it must be"
#: An apology or alarm may be meant; the rest never is.
_NO_ALARM = "leave it out: it takes the place of the reason"

#: Phrases, and the fix. English first; the same in the other languages that letters are in.
PHRASES = {
    "something went wrong": _SAY_WHAT,
    "an error occurred": _SAY_WHAT,
    "an error has occurred": _SAY_WHAT,
    "unexpected error": _SAY_WHAT,
    "unknown error": "admit that the cause isn't known, and give the reference",
    "oops": _SAY_WHAT,
    "whoops": _SAY_WHAT,
    "uh-oh": _SAY_WHAT,
    "unfortunately": _NO_ALARM,
    "we apologize": _NO_ALARM,
    "we apologise": _NO_ALARM,
    "sorry": _NO_ALARM,
    "try again later": _SAY_WHEN,
    "click here": _LABEL,
    "click below": _LABEL,
    "invalid input": _WHICH,
    "illegal input": _WHICH,
    "you failed to": "say what is missing, not who is to blame",
    "you forgot": "say what is missing, not who is to blame",
    "etwas ist schiefgelaufen": _SAY_WHAT,
    "ein fehler ist aufgetreten": _SAY_WHAT,
    "leider": _NO_ALARM,
    "hier klicken": _LABEL,
    "klicken sie hier": _LABEL,
    "später erneut": _SAY_WHEN,
    "ungültige eingabe": _WHICH,
    "une erreur est survenue": _SAY_WHAT,
    "une erreur s'est produite": _SAY_WHAT,
    "malheureusement": _NO_ALARM,
    "cliquez ici": _LABEL,
    "réessayez plus tard": _SAY_WHEN,
    "réessayer plus tard": _SAY_WHEN,
    "saisie non valide": _WHICH,
    "algo salió mal": _SAY_WHAT,
    "algo ha salido mal": _SAY_WHAT,
    "ha ocurrido un error": _SAY_WHAT,
    "se ha producido un error": _SAY_WHAT,
    "lamentablemente": _NO_ALARM,
    "haga clic aquí": _LABEL,
    "haz clic aquí": _LABEL,
    "inténtelo más tarde": _SAY_WHEN,
    "inténtalo más tarde": _SAY_WHEN,
    "intentarlo más tarde": _SAY_WHEN,
    "entrada no válida": _WHICH,
    "エラーが発生しました": _SAY_WHAT,
    "問題が発生しました": _SAY_WHAT,
    "ここをクリック": _LABEL,
    "こちらをクリック": _LABEL,
    "申し訳ございません": _NO_ALARM,
    "後でもう一度": _SAY_WHEN,
    "حدث خطأ ما": _SAY_WHAT,
    "انقر هنا": _LABEL,
    "اضغط هنا": _LABEL,
    "للأسف": _NO_ALARM,
    "حاول مرة أخرى لاحقًا": _SAY_WHEN,
}

_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b|\bTraceback\b")


def _pattern(phrase: str) -> str:
    """Whole words, where a language has blanks between them and no articles grown on."""
    spaced = phrase[0] < "\u0250"
    return rf"(?<!\w){re.escape(phrase)}(?!\w)" if spaced else re.escape(phrase)


_FOUND = re.compile("|".join(_pattern(phrase) for phrase in PHRASES), re.IGNORECASE)
#: "0 rows failed": what didn't happen is no news.
_NOTHING = re.compile(
    r"(?<![\w.,:/-])0 (?:[^\W\d_]+ ){0,3}"
    r"(?:failed|rejected|skipped|broken|not attempted|not checked)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Banned:
    """A phrase, what to do instead, and whether it may be meant."""

    phrase: str
    fix: str

    @property
    def level(self) -> Literal["error", "warning"]:
        return "warning" if self.fix == _NO_ALARM else "error"


def banned(line: str) -> Iterator[Banned]:
    """The phrases of a line that nobody is to read."""
    straight = line.replace("\u2019", "'")
    for found in _FOUND.finditer(straight):
        yield Banned(found[0], PHRASES[found[0].lower()])
    for found in _EXCEPTION.finditer(straight):
        yield Banned(found[0], "say in plain words what it means")


def nothings(text: str) -> Iterator[str]:
    """Counts of nothing, such as "0 items failed"."""
    for found in _NOTHING.finditer(text):
        yield found[0]

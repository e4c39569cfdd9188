"""What a spam filter says of the built-in letters: Debian's SpamAssassin, by its own rules alone,
reads each of them as it is on the wire."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.letterbox import Sample, samples

MOST = 1.0  #: points; SpamAssassin's own limit is 5
PATIENCE = 120  #: seconds for all letters in one run; a quiet machine takes ten
#: One line a letter: its Message-ID, and each rule that it met with the rule's points.
SETTINGS = (
    "use_bayes 0", "fold_headers 0",
    "add_header all Points _HEADER(Message-ID)_ _TESTSSCORES(,)_",
)  # fmt: skip
#: What every filter knows for spam: that the rules are there.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SPAM = b"\r\n".join(
    [b"From: a <a@example.com>", b"To: b@example.com", b"Message-ID: <spam@example.com>",
     b"Subject: YOU WON BIG MONEY!!!", b"", b"Cheap viagra: http://192.0.2.1/win", GTUBE, b""]
)  # fmt: skip


def letters() -> list[Sample]:
    """The letters of three kinds, and the typical ones in each language."""
    kinds = {"typical", "long", "rtl"}
    named = [(sample, sample.name.split()[1:]) for sample in samples()]
    return [it for it, (kind, *tag) in named if kind in kinds and tag != ["en"]]


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """The points of each letter by rule."""
    folder = tmp_path_factory.mktemp("letters")
    told = judged(folder, [SPAM, *(letter.content for letter in letters())])
    found = re.findall(r"^X-Spam-Points: <(.*?)@example\.com> +(\S+)", told, re.MULTILINE)
    return {name: rules(hits) for name, hits in found}


def judged(folder: Path, contents: list[bytes]) -> str:
    """What SpamAssassin says, started once for all: no network, no habits, no settings of whoever
    runs this."""
    program = shutil.which("spamassassin")
    assert program, "SpamAssassin isn't installed, run: make system"
    home = folder / "home"
    home.mkdir()
    files = [folder / f"{number}.eml" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content.replace(b"\r\n", b"\n"))  # as a mail server keeps it
    argv = [program, "--local", "--nocreate-prefs", f"--prefspath={os.devnull}"]
    argv += [f"--cf={line}" for line in SETTINGS]
    done = subprocess.run(
        [*argv, *files], capture_output=True, timeout=PATIENCE, check=False,
        env={"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def rules(hits: str) -> dict[str, float]:
    """ "A=0.1,B=-0.1" by name."""
    pairs = [hit.split("=") for hit in hits.split(",") if "=" in hit]
    return {name: float(number) for name, number in pairs}


def test_the_filter_has_its_rules_and_knows_spam(points: dict[str, dict[str, float]]) -> None:
    spam = points["spam"]
    assert spam.pop("GTUBE") == 1000
    assert sum(spam.values()) > MOST, spam


def test_no_spam_filter_minds_a_letter(points: dict[str, dict[str, float]]) -> None:
    found = {letter.name: points.get(letter.file, {}) for letter in letters()}
    assert all(found.values()), "every letter is judged"
    assert {name: hits for name, hits in found.items() if sum(hits.values()) > MOST} == {}

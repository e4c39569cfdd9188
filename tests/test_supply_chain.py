"""The tools that look after what we build on: known holes fail CI, silence of a service doesn't."""

from __future__ import annotations

import json
import re

import audit
import pytest
import sbom

from tests.rig import ROOT


def test_a_known_hole_in_a_python_package_is_named() -> None:
    hole = {"id": "PYSEC-2026-1", "fix_versions": ["2"], "aliases": []}
    packages = [
        {"name": "sound", "version": "1", "vulns": []},
        {"name": "torn", "version": "1.2", "vulns": [hole]},
        {"name": "unknown", "skip_reason": "Dependency not found on PyPI"},
    ]
    found = audit.holes_of_pip_audit(json.dumps({"dependencies": packages, "fixes": []}))
    assert found == ["torn 1.2: PYSEC-2026-1"]


def test_a_known_hole_in_an_npm_package_is_named() -> None:
    answer = {"vulnerabilities": {"torn": {"severity": "high", "range": "<2"}}, "metadata": {}}
    assert audit.holes_of_npm(json.dumps(answer)) == ["torn: high, <2"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Traceback …",
        '{"error": {}}',
        "[]",
        '{"dependencies": [{"name": "a", "skip_reason": "x"}]}',
    ],
)
def test_no_answer_is_no_clean_bill(answer: str) -> None:
    with pytest.raises(audit.Unasked):
        audit.holes_of_pip_audit(answer)
    with pytest.raises(audit.Unasked):
        audit.holes_of_npm(answer)


def test_silence_is_said_and_a_hole_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def silent() -> list[str]:
        raise audit.Unasked("405 Method Not Allowed")

    assert audit.told("the lock", silent) == []
    assert audit.told("the lock", lambda: ["torn 1.2"]) == ["torn 1.2"]
    said = capsys.readouterr().out
    assert "WARNING: could not ask about the lock: 405 Method Not Allowed" in said
    assert "no known holes" not in said


def test_ci_asks() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^test:.* audit ", makefile, re.MULTILINE)


def test_the_bill_of_materials_names_all_that_is_pinned_with_its_hashes() -> None:
    bill = json.loads(sbom.python_sbom())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "ringback")
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements/run.lock").read_text(), re.MULTILINE)
    assert {component["name"] for component in bill["components"]} == set(pinned)
    assert all(component["externalReferences"] for component in bill["components"])

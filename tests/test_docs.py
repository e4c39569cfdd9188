"""What the documents show is true: their code runs, their tables match."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringback.job import TERMINAL, TRANSITIONS
from ringback.settings import PREFIX, Settings, secret_settings
from ringback.testing import retry_job, run_job
from tests.rig import ROOT, Rig


def block(kind: str, page: str = "README.md") -> str:
    """The fenced block after ``<!-- test: kind -->``."""
    text = (ROOT / page).read_text()
    found = re.search(rf"<!-- test: {kind} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"{page} has no block for {kind}"
    return found[1]


@pytest.fixture(scope="module")
def greeting_rig(rig: Rig) -> Rig:
    """README's job type on a worker, and a gateway."""
    module = rig.directory / "readme_jobs.py"
    module.write_text(block("python"))
    rig.path = [str(rig.directory)]
    rig.worker("readme_jobs", "tasks.csv_import")
    rig.gateway()
    return rig


def test_the_page_example_of_the_readme_shows_a_job_of_the_job_example(greeting_rig: Rig) -> None:
    script = ROOT / "web" / f"readme-{greeting_rig.port}.mjs"
    token = greeting_rig.token("ada")
    head = (
        f"const GATEWAY = {json.dumps(greeting_rig.url)}, token = {json.dumps(token)};\n"
        "const alert = (text) => { console.error(text); process.exit(1); };\n"
        "const render = (job) => { if (job.finished_at) {"
        " console.log(JSON.stringify(job)); process.exit(0); } };\n"
    )
    body = block("javascript")
    imports, rest = body.split("\n\n", 1)
    script.write_text(f"{imports}\n{head}{rest}")
    try:
        ran = subprocess.run(
            ["node", script], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        script.unlink()
    assert ran.returncode == 0, ran.stderr
    job = json.loads(ran.stdout)
    assert (job["state"], job["title"]) == ("succeeded", "Greetings for Ada")
    assert job["result"]["summary"] == "3 letters written"


def test_the_commands_of_the_api_page_import_a_file(greeting_rig: Rig) -> None:
    given = {"GATEWAY": greeting_rig.url, "TOKEN": greeting_rig.token("curl")}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("sh", "docs/api.md")], cwd=ROOT, check=False,
        env={**os.environ, **given}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    status, view = (json.loads(line) for line in ran.stdout.replace("}{", "}\n{").splitlines())
    assert status["id"] == view["id"]
    assert view["title"] == "Import of customers.csv"


def test_the_tests_of_the_testing_page_pass(tmp_path: Path) -> None:
    (tmp_path / "invoices.py").write_text(block("job", "docs/testing.md"))
    (tmp_path / "test_invoices.py").write_text(block("tests", "docs/testing.md"))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout


def test_the_job_of_the_jobs_page_does_what_the_page_says() -> None:
    example: dict[str, Any] = {"__name__": "subscriptions"}
    exec(compile(block("job", "docs/jobs.md"), "docs/jobs.md", "exec"), example)
    customers = ["ada@example.com", "bob", "cy@example.com"]
    done = run_job(example["renew"], params={"plan": "gold", "customers": customers})
    assert (done.state, done.view["title"]) == ("partial", "Renewal of gold subscriptions")
    assert done.problems[0].message == "1 customer has no email address"
    again = retry_job(done, "failed")
    assert again.counts.seen == 1

    params = {"plan": "gold", "customers": ["busy@example.com"]}
    busy = run_job(example["renew"], params=params, raising=False, attempts=1)
    assert busy.view["attempt"]["reason"].startswith("Stripe is busy.")


def test_the_state_diagram_is_the_state_machine() -> None:
    edges = set(re.findall(r"^\s+(\w+) --> (\w+): (.+)$", block("states"), re.MULTILINE))
    assert edges == {(a.value, b.value, why) for (a, b), why in TRANSITIONS.items()}
    ends = set(re.findall(r"^\s+(\w+) --> \[\*\]$", block("states"), re.MULTILINE))
    assert ends == {state.value for state in TERMINAL}


def test_every_setting_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(rf"^\| `{PREFIX}(\w+)`", text, re.MULTILINE))
    assert documented == {name.upper() for name in Settings.model_fields}
    section = text.partition("## Secrets from files")[2].partition("##")[0]
    secrets = set(re.findall(rf"`{PREFIX}(\w+)`", section))
    assert secrets == {name.upper() for name in secret_settings()}


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_files_that_the_docs_name_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`((?:ringback|gateway|tasks)/[\w./]+)`", text):
        assert (ROOT / name).exists(), name


def test_what_the_security_page_says_is_shown_by_tests_that_exist() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^(?:async )?def (test_\w+)", tests, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 20
    assert named <= there, named - there
    for row in re.findall(r"^\| .*$", text.partition("## Threats")[2], re.MULTILINE)[2:]:
        assert "`test_" in row, row
    for name in re.findall(r"`((?:ringback|gateway|tools|deploy)/[\w./]+)`", text):
        assert (ROOT / name).exists(), name

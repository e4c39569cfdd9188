"""The ``ringback`` command, from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ringback import alert
from tests.e2e.client import rest
from tests.e2e.look import ended, notice_of
from tests.rig import Rig, free_port

USER = "cli@example.com"


def _id_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{2}-[0-9a-f]{8}-[0-9a-f-]{27}", text)
    assert found, text
    return found[0]


def test_a_job_is_submitted_and_watched_to_its_end(rig: Rig) -> None:
    done = rig.cli(
        "submit", "test.count", "--param", "to=4", "--param", "bad=1", "--user", USER, "--watch"
    )
    assert done.returncode == 0, done.stderr
    assert "partial  Counting to 4  3 succeeded, 1 failed" in done.stdout
    assert "1 number is bad. Use other numbers" in done.stdout


def test_a_watched_job_that_fails_is_exit_status_1(rig: Rig) -> None:
    done = rig.cli("submit", "test.fails", "--param", "how=input", "--user", USER, "--watch")
    assert (done.returncode, done.stderr) == (1, "")
    assert "Write it in digits." in done.stdout


def test_jobs_are_listed_shown_and_explained(rig: Rig) -> None:
    job_id = rig.cli("submit", "test.count", "--param", "to=1", "--user", USER).stdout.strip()
    notice_of(rig, job_id)
    listed = rig.cli("jobs", "list", "--user", USER).stdout
    assert re.search(rf"{job_id} +succeeded", listed)
    assert json.loads(rig.cli("jobs", "show", job_id).stdout)["title"] == "Counting to 1"
    told = " ".join(rig.cli("jobs", "explain", job_id).stdout.split())
    for part in ("submitted", "a worker claims it", "all items fine", "Email: sent."):
        assert part in told


def test_a_file_is_uploaded_with_the_job(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("12345")
    path = str(tmp_path / "numbers.txt")
    done = rig.cli("submit", "test.reads", "--file", path, "--user", USER)
    job = ended(rig, _id_in(done.stdout))
    assert job.spec.title == "Reading numbers.txt"
    assert job.result is not None
    assert job.result.summary == "5 bytes"


def test_the_doctor_says_what_is_wrong_and_what_to_do(rig: Rig) -> None:
    assert re.search("risk +store +Valkey with", rig.cli("doctor").stdout)
    rig.do(alert.sound("mail.tls", "The mail server offers no TLS. Switch it on."))
    ill = rig.cli("doctor")
    rig.do(alert.settle("mail.tls"))
    assert (ill.returncode, ill.stderr) == (1, "")
    assert re.search(
        r"wrong +mail\.tls +The mail server offers no TLS\. Switch it on\.", ill.stdout
    )


def test_the_doctor_looks_whether_the_mail_server_lets_us_in(rig: Rig) -> None:
    told = rig.cli("doctor").stdout
    assert re.search(
        r"ok +mail server +127\.0\.0\.1:\d+ lets us in, and emails go there in clear", told
    )
    ill = rig.cli("doctor", SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert ill.returncode == 1
    assert re.search(r"wrong +mail server +.* can't be reached \(connect: .*Start it", ill.stdout)
    strict = rig.cli("doctor", SMTP_TLS="require")
    assert re.search(
        r"wrong +mail server +.* gives us no TLS .*RINGBACK_SMTP_TLS=offered", strict.stdout
    )


def test_the_doctor_says_that_the_store_doesnt_answer(rig: Rig) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    ill = rig.cli("doctor", STORE_URL=nowhere)
    assert (ill.returncode, ill.stderr) == (1, "")
    assert re.search(r"wrong +store +The store didn't answer", ill.stdout)


def test_a_token_is_for_the_user_it_names(rig: Rig) -> None:
    token = rig.cli("token", "--user", "tess", "--role", "service").stdout.strip()
    assert rest("GET", f"{rig.url}/api/v1/jobs", token).json == {"jobs": [], "next": None}


@pytest.mark.parametrize(
    ("args", "env", "told"),
    [
        (["gateway"], {"PORT": "x"}, ["RINGBACK_PORT='x'", "whole number"]),
        (["gateway"], {"JWT_SECRET": "short"}, ["RINGBACK_JWT_SECRET", "32 bytes", "openssl"]),
        (["supervisor"], {"STORE_URL": "localhost"}, ["RINGBACK_STORE_URL='localhost'", "redis://"]),
        (["worker", "tasks.deliver"], {"SMTP_URL": "http://x"}, ["RINGBACK_SMTP_URL", "smtp://"]),
        (["gateway"], {"PROT": "8000"}, ["RINGBACK_PROT is no setting", "RINGBACK_PORT"]),
        (["gateway"], {"ALLOWED_ORIGINS": "*"}, ["RINGBACK_ALLOWED_ORIGINS", "https://"]),
        (["worker", "no.such.module"], {}, ["'no.such.module'", "@job"]),
        (["worker", "tests.rig"], {}, ["No @job function in tests.rig"]),
        (["submit", "test.none"], {}, ["no job type 'test.none'", "test.count"]),
        (["submit", "test.count", "--param", "to=x"], {}, ["params.to", "must be a whole number"]),
        (["submit", "test.count", "--param", "to"], {}, ["--param 'to'", "name=value"]),
        (["submit", "test.reads", "--file", "nowhere"], {}, ["--file nowhere", "no such file"]),
        (["jobs", "show", "00-nothing"], {}, ["'00-nothing' is no job's id"]),
        (["tokens", "revoke", "--jti", "a", "--reason", " "], {}, ["--reason ' '", "1 to 500"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_words_and_exit_status_2(
    rig: Rig, args: list[str], env: dict[str, str], told: list[str]
) -> None:
    done = rig.cli(*args, **env)
    assert (done.returncode, done.stdout) == (2, "")
    words = " ".join(done.stderr.split())
    assert "Traceback" not in words
    for part in told:
        assert part in words


def test_a_gateway_on_a_taken_port_says_so(rig: Rig) -> None:
    done = rig.cli("gateway")
    assert done.returncode == 2
    assert f"RINGBACK_PORT={rig.port}: can't listen" in " ".join(done.stderr.split())


def test_a_submit_that_reaches_nobody_says_so(rig: Rig) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = rig.cli("submit", "test.count", "--param", "to=1", PUBLIC_URL=url)
    assert done.returncode == 2
    assert f"Nobody answers at {url}" in " ".join(done.stderr.split())

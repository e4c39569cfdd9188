"""``ringback up``: everything on one machine, and nothing of it left afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.settings import PREFIX
from tests.e2e.client import rest
from tests.rig import ROOT, Process, free_port, until

UP = [sys.executable, "-m", "ringback.cli", "up"]
PROC = Path("/proc")
PARTS = ("store", "inbox", "worker", "mailer", "supervisor", "gateway")


class Up(Process):
    """``ringback up`` in a folder of its own, on a free port."""

    def __init__(self, directory: Path, *args: str) -> None:
        self.port = free_port()
        self.directory = directory
        super().__init__([*UP, *args], environment(directory, self.port), directory / "up.log")

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> Up:
        """Waits for the welcome."""
        self.says("Ringback is up.")
        return self

    def start_anew(self) -> None:
        """Starts it again and waits for the welcome."""
        self.log_path.unlink()
        self.start()
        self.ready()

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.popen.send_signal(signal.SIGINT)
        return self.popen.wait(60)

    def children(self) -> dict[int, str]:
        """The command lines of processes that work with the folder, by pid."""
        found = {int(entry.name): _words(entry, self.directory) for entry in PROC.glob("[0-9]*")}
        return {pid: words for pid, words in found.items() if words and pid != self.popen.pid}


def environment(directory: Path, port: int) -> dict[str, str]:
    """The settings of an ``up``, and of commands that talk to it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own = {
        "DATA_DIR": str(directory), "PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    return {**clean, **{PREFIX + name: value for name, value in own.items()}, "COLUMNS": "200"}


def _words(process: Path, directory: Path) -> str:
    """Its command line, if its environment or where it works names the folder."""
    try:
        known = (process / "environ").read_bytes() + bytes((process / "cwd").readlink())
        line = (process / "cmdline").read_bytes()
    except OSError:
        return ""  # it has just ended
    return line.replace(b"\0", b" ").decode() if str(directory).encode() in known else ""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that runs, and runs again after each test."""
    process = Up(tmp_path_factory.mktemp("up")).ready()
    yield process
    process.stop()


def _pid_of(process: Up, part: str) -> int:
    found = [pid for pid, words in process.children().items() if words.endswith(f" {part} ")]
    return found[0] if found else 0


def _run(process: Up, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ringback.cli", *args], env=process.env, cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_all_parts_run_and_a_job_gets_through(up: Up) -> None:
    assert rest("GET", f"{up.url}/readyz").status == 200
    assert b"<html" in rest("GET", f"{up.url}/").content
    sample = up.directory / "people.csv"
    sample.write_text("id,name\n1,Ada\n2,Grace\n")
    done = _run(up, "submit", "csv.import", "--file", str(sample), "--param", "table=people",
                "--watch")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    assert len(up.children()) == len(PARTS)
    ours = [up.directory / name for name in ("files", "inbox", "logs", "tables", "valkey")]
    made = [path for part in ours for path in (part, *part.rglob("*")) if path.exists()]
    assert {path.parent.name for path in made} >= {"files", "logs", "valkey", "tables"}
    assert not [path for path in made if path.stat().st_mode & 0o077], "other accounts can read"


def test_the_lines_of_its_welcome_work_in_a_shell_of_their_own(up: Up) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert f"the data stays in {up.directory}/." in up.log
    for name in "Token", "Try":
        (line,) = [line for line in up.log.splitlines() if line.split()[:1] == [name]]
        done = subprocess.run(
            line.split(maxsplit=1)[1], shell=True, env={"PATH": path}, cwd=ROOT,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_doctor_asks_the_inbox_that_it_started(up: Up) -> None:
    told = " ".join(_run(up, "doctor").stdout.split())
    assert re.search(r"ok mail server 127\.0\.0\.1:\d+ lets us in", told)


@pytest.mark.parametrize("taken", ["port", "folder"])
def test_a_second_one_is_refused_with_the_way_out(tmp_path: Path, up: Up, taken: str) -> None:
    env, told = {
        "port": (environment(tmp_path, up.port), f"RINGBACK_PORT={up.port + 1}"),
        "folder": (
            environment(up.directory, free_port()), f"already runs with {up.directory}. Stop it",
        ),
    }[taken]  # fmt: skip
    done = subprocess.run(
        UP, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert rest("GET", f"{up.url}/readyz").status == 200


def test_a_part_that_dies_is_started_again(up: Up) -> None:
    before = until(lambda: _pid_of(up, "supervisor"))
    os.kill(before, signal.SIGKILL)
    up.says("supervisor ended (signal 9); starting it again")
    assert until(lambda: _pid_of(up, "supervisor")) != before


def test_ctrl_c_leaves_no_process_and_all_data(up: Up) -> None:
    sample = up.directory / "kept.csv"
    sample.write_text("id\n1\n")
    _run(up, "submit", "csv.import", "--param", "table=kept", "--file", str(sample))
    assert up.interrupt() == 0, up.log
    assert up.children() == {}
    assert "Stopped." in up.log

    up.start_anew()
    assert "Import of kept.csv" in _run(up, "jobs", "list").stdout


def test_no_process_is_left_when_up_itself_is_killed(up: Up) -> None:
    up.kill()
    until(lambda: not up.children(), what="all parts have ended")
    up.start_anew()


def test_the_demo_shows_an_end_on_the_page_and_one_by_email(tmp_path: Path) -> None:
    process = Up(tmp_path, "--demo")
    process.says("Both jobs are on the page too.", within=120)
    told = process.log
    assert "Email: skipped. Seen live" in told
    assert "Email: sent." in told
    assert "To: away@example.com" in told
    assert "customers.csv" in told[told.index("Subject:") :]
    assert process.interrupt() == 0

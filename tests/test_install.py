"""What the first command on a fresh machine rests on: the bootstrap, the locks, the package."""

from __future__ import annotations

import functools
import hashlib
import re
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import bootstrap
import node
import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


# --- finding and checking pip --------------------------------------------------------------------


class Index(SimpleHTTPRequestHandler):
    """A package index of files, which keeps what it was asked."""

    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextmanager
def index(folder: Path) -> Iterator[tuple[str, type[Index]]]:
    handler = type("OneIndex", (Index,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://me:p%40ss@127.0.0.1:{server.server_port}/simple", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def offer(folder: Path, wheel: bytes) -> None:
    """Lay out a PEP 503 page whose link is relative, as mirrors write it."""
    page = folder / "simple" / "pip"
    page.mkdir(parents=True)
    name = bootstrap.PIP_WHEEL
    page.joinpath("index.html").write_text(f'<a href="../../files/{name}#sha256=00">{name}</a>')
    folder.joinpath("files").mkdir()
    folder.joinpath("files", name).write_bytes(wheel)


def test_pip_is_taken_from_the_index_of_this_machine_with_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, b"a wheel")
    monkeypatch.setattr(bootstrap, "PIP_SHA256", hashlib.sha256(b"a wheel").hexdigest())
    with index(tmp_path) as (url, handler):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        assert bootstrap.pip_wheel() == b"a wheel"
    assert handler.seen[0] == ("/simple/pip/", "Basic bWU6cEBzcw==")  # me:p@ss


def test_a_pip_with_another_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, b"something else")
    with index(tmp_path) as (url, _):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(bootstrap.BootstrapError, match="expected f3b60b"):
            bootstrap.pip_wheel()


def test_an_index_that_can_not_be_read_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(tmp_path) as (url, _):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(bootstrap.BootstrapError, match="404") as refusal:
            bootstrap.pip_wheel()
    assert "/simple/pip/" in str(refusal.value)
    assert "p%40ss" not in str(refusal.value)


def test_the_index_comes_from_the_environment_then_pip_conf_then_pypi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\nindex-url = https://conf.example/%40/simple\n")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    assert bootstrap.index_url() == "https://conf.example/%40/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://env.example/simple")
    assert bootstrap.index_url() == "https://env.example/simple"
    monkeypatch.delenv("PIP_INDEX_URL")
    conf.write_text("[global]\nindex-url = https://pypi.org/simple\n")
    assert bootstrap.index_url() == "https://pypi.org/simple"


# --- doing nothing twice -------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Lay out the files a fingerprint reads."""
    (tmp_path / "requirements").mkdir()
    for lock in ("run", "dev", "build", "node"):
        (tmp_path / "requirements" / f"{lock}.lock").write_text("one==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv").mkdir()
    return tmp_path


def mark(checkout: Path, name: str) -> None:
    stamp = bootstrap.stamp(checkout / ".venv", name)
    stamp.write_text(bootstrap.fingerprint(name, checkout))


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    mark(checkout, "dev")
    bootstrap.ensure("dev", checkout)
    bootstrap.ensure("run", checkout)  # dev holds all of it
    assert [path.name for path in (checkout / ".venv").iterdir()] == [".installed-dev"]


@pytest.mark.parametrize("changed", ["requirements/dev.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_again(checkout: Path, changed: str) -> None:
    mark(checkout, "dev")
    (checkout / changed).write_text("two==2\n")
    assert not bootstrap.is_current(checkout / ".venv", "dev", checkout)


def test_a_moved_checkout_is_installed_again(checkout: Path) -> None:
    mark(checkout, "dev")
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert not bootstrap.is_current(moved / ".venv", "dev", moved)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("v20.19.0\n", True), ("v24.1.0\n", True), ("v20.18.3\n", False), ("v9.99.0\n", False)],
)
def test_a_node_too_old_for_vite_is_not_used(answer: str, expected: bool) -> None:
    assert (node.version(answer) >= node.OLDEST) is expected


def test_a_machine_without_node_or_npm_gets_the_wheel() -> None:
    assert not node.suitable(None, "/usr/bin/npm")
    assert not node.suitable("/usr/bin/node", None)


# --- locks ---------------------------------------------------------------------------------------


def requirements(text: str) -> dict[str, str]:
    """Read `name -> rest of the line` of a requirements file, names normalized (PEP 503)."""
    found = re.finditer(r"(?m)^([A-Za-z0-9][\w.-]*)(.*)$", text)
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_version_and_a_hash(lock: Path) -> None:
    for block in re.split(r"(?m)^(?=[a-z0-9])", lock.read_text())[1:]:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_machine_and_no_path(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "index-url" not in text
    assert "find-links" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_all_that_was_asked_for(lock: Path) -> None:
    wanted = requirements(lock.with_suffix(".in").read_text())
    assert wanted.keys() <= requirements(lock.read_text()).keys()


def test_the_locks_agree_so_that_one_environment_can_hold_them() -> None:
    versions: dict[str, str] = {}
    for lock in LOCKS:
        if lock.stem == "sbom":  # in a folder of its own
            continue
        for name, rest in requirements(lock.read_text()).items():
            assert versions.setdefault(name, rest) == rest, name


def test_the_pip_of_the_bootstrap_is_the_locked_one() -> None:
    locked = requirements((ROOT / "requirements/dev.lock").read_text())["pip"]
    assert bootstrap.PIP_WHEEL.split("-")[1] in locked


# --- the package ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_package_depends_on_what_is_locked(project: Any) -> None:
    declared = requirements("\n".join(project["dependencies"]))
    assert declared.keys() == requirements((ROOT / "requirements/run.in").read_text()).keys()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=ROOT, check=True, timeout=120)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_the_scripts_the_templates_and_the_pages(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = [*files("ringback", "*.lua"), *files("gateway/static", "*")]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= names
    templates = [path.relative_to(ROOT).as_posix() for path in files("templates", "*")]
    assert templates
    assert {f"letters/{name}" for name in templates} <= names


def files(folder: str, pattern: str) -> list[Path]:
    """List the files of a folder, without what tools hide in it."""
    found = (path for path in (ROOT / folder).rglob(pattern) if path.is_file())
    return [path for path in found if not any(part[0] == "." for part in path.parts[1:])]


def test_the_wheel_claims_no_other_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops - {"ringback", "letters", "gateway", "tasks"} == {"ringback-0.1.0.dist-info"}

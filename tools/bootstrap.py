"""Make .venv from nothing but a Python: `python3 tools/bootstrap.py run|dev|node`.

Debian's `python3` has neither pip nor ensurepip, so pip's own wheel is fetched from the package
index, checked against the hash below, and used to install the hash-locked sets of requirements/.
Standard library only; where nothing changed it returns at once.

The index is found the way pip finds it: PIP_INDEX_URL, then pip.conf, then pypi.org.
"""
# No `from __future__ import annotations` and no newer syntax here: an old Python must get as far
# as the message below, not stop at a SyntaxError.

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this line is what tells people so
    sys.exit(
        f"Ringback needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. "
        "Name another one: make PYTHON=python3.12 up"
    )

import argparse
import base64
import configparser
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
# Each set is the locks it installs; `dev` holds all of `run`, so it satisfies a wish for it.
SETS = {"run": ("build", "run"), "dev": ("build", "dev"), "node": ("node",)}
SATISFIED_BY = {"run": ("dev", "run"), "dev": ("dev",), "node": ("node",)}
BUILT = "dkimpy"  #: the one package that its authors publish as source alone
TIMEOUT = 60  # seconds without a byte from the index


class BootstrapError(Exception):
    """The environment can't be made; the message says what to do about it."""


def main() -> None:
    """Decode the command line, make what it asks for, and say in one line why it could not."""
    parser = argparse.ArgumentParser(description="Make .venv and install a locked set into it.")
    parser.add_argument("set", choices=sorted(SETS))
    wanted = parser.parse_args().set
    try:
        ensure(wanted)
    except BootstrapError as error:
        sys.exit(f"bootstrap: {error}")


def ensure(wanted: str, root: Path = ROOT) -> None:
    """Bring `root`/.venv to hold the set `wanted`; do nothing if it does already.

    Raises BootstrapError when the index can't be reached or answers something else.
    """
    target = root / ".venv"
    if any(is_current(target, name, root) for name in SATISFIED_BY[wanted]):
        return
    make_venv(target, root)
    install(target, wanted, root)
    stamp(target, wanted).write_text(fingerprint(wanted, root))


def is_current(target: Path, name: str, root: Path) -> bool:
    """Tell whether the set was installed from exactly these locks, here, by this Python."""
    mark = stamp(target, name)
    return mark.is_file() and mark.read_text() == fingerprint(name, root)


def stamp(target: Path, name: str) -> Path:
    """Return the file that remembers what the set `name` was installed from."""
    return target / f".installed-{name}"


def fingerprint(name: str, root: Path) -> str:
    """Hash all that an installed set depends on.

    The place counts too: scripts in a venv name it, so a moved checkout needs a new one.
    """
    digest = hashlib.sha256(f"{identity(root)} {PIP_SHA256}".encode())
    for part in (root / "requirements" / f"{lock}.lock" for lock in SETS[name]):
        digest.update(part.read_bytes())
    if name != "node":
        digest.update((root / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def identity(root: Path) -> str:
    """Name the place and the Python that a venv is good for.

    Asked from inside the venv too (by `make web`), so it names the base Python, not the venv's.
    """
    return f"{root} {Path(sys.base_prefix).resolve()} {sys.version_info[:3]}"


def make_venv(target: Path, root: Path) -> None:
    """Create the venv with pip in it, or keep the one that is here if it still fits."""
    mark = target / ".made-by"
    if mark.is_file() and mark.read_text() == identity(root):
        return
    shutil.rmtree(target, ignore_errors=True)
    venv.create(target, symlinks=True, with_pip=False)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = Path(scratch) / PIP_WHEEL
        wheel.write_bytes(pip_wheel())
        pip_inside = [f"{wheel}/pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
        run(target, *pip_inside)
    mark.write_text(identity(root))


def install(target: Path, name: str, root: Path) -> None:
    """Install the locks of a set, every file checked by its hash, then Ringback itself."""
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    print(f"Installing {', '.join(SETS[name])} into {target}", flush=True)
    # What has no wheel is built by the backends that the first lock has, and by nothing unlocked.
    wheels = ("--only-binary=:all:", f"--no-binary={BUILT}", "--no-build-isolation")
    for lock in SETS[name]:
        locked = f"--requirement={root}/requirements/{lock}.lock"
        run(target, *pip, "--require-hashes", *wheels, locked)
    if name != "node":
        run(target, *pip, "--no-deps", "--no-build-isolation", "--no-index", f"--editable={root}")


def run(target: Path, *arguments: str) -> None:
    """Run the venv's Python; its own output has said why when it fails."""
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    command = [str(target / "bin" / "python"), *arguments]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise BootstrapError(f"this command failed, see above: {' '.join(command)}")


def pip_wheel() -> bytes:
    """Fetch pip's wheel from the index and return its bytes, checked.

    Raises BootstrapError if the index has no such file or its content is another one.
    """
    page_url = f"{index_url().rstrip('/')}/pip/"
    page = fetch(page_url).decode()
    link = re.search(rf'href="([^"#]*{re.escape(PIP_WHEEL)})', page)
    if link is None:
        raise BootstrapError(f"{without_password(page_url)} doesn't offer {PIP_WHEEL}")
    wheel = fetch(urllib.parse.urljoin(page_url, link[1]))
    found = hashlib.sha256(wheel).hexdigest()
    if found != PIP_SHA256:
        raise BootstrapError(f"{PIP_WHEEL} has sha256 {found}, expected {PIP_SHA256}")
    return wheel


def index_url() -> str:
    """Return the package index this machine is set up for.

    Order as in pip's documentation ("Configuration"): environment, then the user's file, then
    the machine's.
    """
    return configured("index-url") or "https://pypi.org/simple"


def configured(option: str) -> str | None:
    """Return one of pip's global options from the environment or pip.conf, None if unset."""
    from_environment = os.environ.get(f"PIP_{option.replace('-', '_').upper()}")
    if from_environment:
        return from_environment
    # No interpolation: an index URL may hold a percent-encoded password.
    reader = configparser.ConfigParser(interpolation=None)
    reader.read(pip_configs(), encoding="utf-8")
    return reader.get("global", option, fallback=None)


def pip_configs() -> list[Path]:
    """List pip's configuration files, the strongest last."""
    home = Path.home()
    xdg = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", xdg / "pip" / "pip.conf"]
    named = os.environ.get("PIP_CONFIG_FILE")
    return [*files, Path(named)] if named else files


def fetch(url: str) -> bytes:
    """Download `url`; an https certificate is checked with pip's `cert`, else the system's."""
    request = urllib.request.Request(without_password(url), headers=headers_for(url))
    try:
        tls = ssl.create_default_context(cafile=configured("cert"))
        with urllib.request.urlopen(request, timeout=TIMEOUT, context=tls) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as error:
        error.close()  # it is the open answer as well
        raise BootstrapError(f"{without_password(url)} can't be read: {error}") from error
    except (OSError, ValueError) as error:
        raise BootstrapError(f"{without_password(url)} can't be read: {error}") from error
    return content


def headers_for(url: str) -> dict[str, str]:
    """Ask for the HTML form of an index page (PEP 503), with the URL's own user and password."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+html, text/html;q=0.5, */*;q=0.1"}
    parts = urllib.parse.urlsplit(url)
    if parts.username:
        pair = f"{parts.username}:{parts.password or ''}"
        token = base64.b64encode(urllib.parse.unquote(pair).encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers


def without_password(url: str) -> str:
    """Return `url` fit for a request line or a message: without user and password."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


if __name__ == "__main__":
    main()

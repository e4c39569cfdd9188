"""Build the pages from web/ into gateway/static: `python tools/web.py build|check`.

Nothing is done when neither the sources nor the Node.js packages changed since the last time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUILT = ROOT / "gateway" / "static"
MADE = {"node_modules", ".test-build", "dist"}  # what npm and the build put into web/


def main() -> None:
    """Install the locked packages if they changed, then build, or check and test."""
    parser = argparse.ArgumentParser(description="Build or check the web pages.")
    parser.add_argument("what", choices=("build", "check"))
    what = parser.parse_args().what
    once("packages", digest([WEB / "package-lock.json"]), "npm", "ci", "--no-audit", "--no-fund")
    if what == "build" and not any(BUILT.glob("*.html")):
        forget("build")
    once(what, digest(sources()), "npm", "run", "--silent", what)


def sources() -> list[Path]:
    """List every file under web/ that a person wrote, in a stable order."""
    files = (path for path in WEB.rglob("*") if path.is_file())
    return sorted(path for path in files if not MADE & set(path.relative_to(WEB).parts))


def digest(files: list[Path]) -> str:
    """Hash names and contents."""
    state = hashlib.sha256()
    for path in files:
        state.update(f"{path.relative_to(WEB)}\0{path.stat().st_size}\0".encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def once(name: str, state: str, *command: str) -> None:
    """Run `command` in web/ unless it succeeded before on the same state."""
    mark = mark_of(name)
    if mark.is_file() and mark.read_text() == state:
        return
    mark.unlink(missing_ok=True)
    # As pip does, trust the certificates this machine trusts (a company's proxy has its own).
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    done = subprocess.run(command, cwd=WEB, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"web: `{' '.join(command)}` failed in {WEB}, see above")
    mark.write_text(state)


def forget(name: str) -> None:
    """Make the next `once` of that name run."""
    mark_of(name).unlink(missing_ok=True)


def mark_of(name: str) -> Path:
    """Return the file that remembers a success; it lives and goes with the packages."""
    return WEB / "node_modules" / f".ringback-{name}"


if __name__ == "__main__":
    main()

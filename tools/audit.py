"""Ask for known holes in what is pinned: `python tools/audit.py`.

Exit status 1 where a service knows one. Where none can be asked (no network, or a mirror that
carries packages but no advisories) that is said, and the status is 0: it is no fault of the code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WITHIN = 60  #: seconds for one service
LOCK = "requirements/run.lock"

Holes = list[str]


class Unasked(Exception):
    """The service gave no answer; the text says why."""


def main() -> None:
    """Asks about Python's packages and about npm's."""
    found: Holes = []
    for what, ask in {LOCK: python_holes, "web/package-lock.json": npm_holes}.items():
        found += told(what, ask)
    sys.exit(1 if found else 0)


def told(what: str, ask: Callable[[], Holes]) -> Holes:
    """The holes, after they have been printed."""
    try:
        holes = ask()
    except Unasked as why:
        print(f"audit: WARNING: could not ask about {what}: {why}")
        return []
    for hole in holes:
        print(f"audit: {what}: {hole}")
    if not holes:
        print(f"audit: {what}: no known holes")
    return holes


def python_holes() -> Holes:
    """What PyPI knows of the pinned Python packages."""
    audit = str(Path(sys.executable).with_name("pip-audit"))
    flags = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
    return holes_of_pip_audit(output(ROOT, audit, *flags, f"--requirement={LOCK}"))


def npm_holes() -> Holes:
    """What npm's registry knows of the pages' packages."""
    return holes_of_npm(output(ROOT / "web", "npm", "audit", "--json"))


def holes_of_pip_audit(text: str) -> Holes:
    """Reads pip-audit's JSON. Raises Unasked where the service knew none of the packages: so it
    looks where a mirror has no advisories."""
    packages = parsed(text, "dependencies")
    known = [package for package in packages if "vulns" in package]
    if not known:
        raise Unasked("the index knows none of the packages")
    return [
        f"{package['name']} {package['version']}: {hole['id']}"
        for package in known
        for hole in package["vulns"]
    ]


def holes_of_npm(text: str) -> Holes:
    """Reads npm's JSON. Raises Unasked where the registry answered something else."""
    found = parsed(text, "vulnerabilities")
    return [f"{name}: {hole['severity']}, {hole['range']}" for name, hole in found.items()]


def parsed(text: str, member: str) -> Any:
    """A member of the JSON that a tool printed."""
    try:
        return json.loads(text)[member]
    except (ValueError, LookupError, TypeError):
        raise Unasked(" ".join(text.split())[:120] or "no answer") from None


def output(folder: Path, *command: str) -> str:
    """What a tool printed, whatever its exit status."""
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=WITHIN, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unasked(str(error)) from None
    return done.stdout or done.stderr


if __name__ == "__main__":
    main()

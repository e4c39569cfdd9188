"""Write what the product is made of into dist/, as CycloneDX: `python tools/sbom.py`.

Made from the locks, so it names what an installation gets, whatever is installed here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PIP = ("-m", "pip", "--disable-pip-version-check")


def main() -> None:
    """Writes dist/sbom.python.json and dist/sbom.web.json."""
    DIST.mkdir(exist_ok=True)
    for name, text in {"python": python_sbom(), "web": web_sbom()}.items():
        path = DIST / f"sbom.{name}.json"
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {len(json.loads(text)['components'])} components")


def python_sbom() -> str:
    """The gateway's and the workers' packages, with their hashes; validated by the tool."""
    tool = installed(ROOT / "requirements" / "sbom.lock")
    return run(
        ROOT, sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements",
        "requirements/run.lock", "--pyproject=pyproject.toml", "--output-reproducible",
        "--validate", "--output-format=JSON", PYTHONPATH=str(tool),
    )  # fmt: skip


def installed(lock: Path) -> Path:
    """A folder with the tool, beside the venv that everything else runs in."""
    folder = ROOT / ".venv" / "sbom"
    mark = folder / ".installed"
    if not (mark.is_file() and mark.read_text() == lock.read_text()):
        shutil.rmtree(folder, ignore_errors=True)
        options = ("--quiet", "--require-hashes", "--only-binary=:all:", f"--target={folder}")
        run(ROOT, sys.executable, *PIP, "install", *options, f"--requirement={lock}")
        mark.write_text(lock.read_text())
    return folder


def web_sbom() -> str:
    """The packages that the pages are built of."""
    return run(ROOT / "web", "npm", "sbom", "--package-lock-only", "--sbom-format=cyclonedx")


def run(folder: Path, *command: str, **env: str) -> str:
    """What a tool printed; its own output has said why when it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"sbom: `{' '.join(command)}` failed, see above")
    return done.stdout


if __name__ == "__main__":
    main()

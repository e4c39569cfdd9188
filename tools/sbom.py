"""Write what the product is made of into dist/, as CycloneDX: `python tools/sbom.py`.

Made from the locks, so it names what an installation gets, whatever is installed here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def main() -> None:
    """Writes dist/sbom.python.json and dist/sbom.web.json."""
    DIST.mkdir(exist_ok=True)
    for name, text in {"python": python_sbom(), "web": web_sbom()}.items():
        path = DIST / f"sbom.{name}.json"
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {len(json.loads(text)['components'])} components")


def python_sbom() -> str:
    """The gateway's and the workers' packages, with their hashes; validated by the tool."""
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    return run(
        ROOT, tool, "requirements", "requirements/run.lock", "--pyproject=pyproject.toml",
        "--output-reproducible", "--validate", "--output-format=JSON",
    )  # fmt: skip


def web_sbom() -> str:
    """The packages that the pages are built of."""
    return run(ROOT / "web", "npm", "sbom", "--package-lock-only", "--sbom-format=cyclonedx")


def run(folder: Path, *command: str) -> str:
    """What a tool printed; its own output has said why when it fails."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"sbom: `{' '.join(command)}` failed, see above")
    return done.stdout


if __name__ == "__main__":
    main()

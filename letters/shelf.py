"""Where the email templates lie."""

from __future__ import annotations

from pathlib import Path

from ringback.errors import SettingsError


def templates_root(chosen: Path | None) -> Path:
    """The setting's folder, the checkout's, or the installed package's. Raises SettingsError."""
    here = Path(__file__).parent
    candidates = [here.parent / "templates" / "email", here / "templates" / "email"]
    if chosen is not None:
        candidates = [chosen]
    for root in candidates:
        if root.is_dir():
            return root
    raise SettingsError(f"RINGBACK_TEMPLATES={candidates[0]}: there is no such folder.")

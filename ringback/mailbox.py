"""What an email address must be for somebody to be written to. No name server is asked."""

from __future__ import annotations

from email_validator import validate_email

from ringback.errors import BadAddress

EXAMPLE = "ann@example.com"


def checked(text: str) -> str:
    """The address as it is usually written. Raises BadAddress with what it must be."""
    try:
        # (`.test`, too: nobody is reached there, and developers need addresses)
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except ValueError as error:  # EmailNotValidError, or half a surrogate pair
        raise BadAddress(f"must be an email address such as {EXAMPLE}: {_fault(error)}") from None
    return found.normalized


def _fault(error: ValueError) -> str:
    return "it isn't text" if isinstance(error, UnicodeError) else str(error)

"""The dates with which the names of nights begin."""

from datetime import date


def date_of(night: str) -> date | None:
    """Return the date at the beginning of a night's name: 2026-11-24 or 20261124; None if none."""
    for length in (10, 8):
        try:
            return date.fromisoformat(night[:length])
        except ValueError:
            continue
    return None

"""Amounts of a plan in words."""

from __future__ import annotations


def in_hours(number: float) -> str:
    """So many hours of work, for example `0.42`, `9.6` or `1,240`."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 1 else f"{number:.2g}"

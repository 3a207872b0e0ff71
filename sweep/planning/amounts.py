"""Amounts of a plan in words: hours of work, bytes."""

from __future__ import annotations


def in_hours(number: float) -> str:
    """So many hours of work, for example `0.42`, `9.6` or `1,240`."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 1 else f"{number:.2g}"


def size_of(num_bytes: float) -> str:
    """For example `2.2 GB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes / 1e6:.0f} MB"

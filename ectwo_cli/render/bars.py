"""A bar of characters, for a detail in a line of progress. Pure."""

from __future__ import annotations

WIDTH = 20


def bar(percent: int | None, width: int = WIDTH) -> str:
    """``━━━━━━━━━━          50%``; nothing where it is not known."""
    if percent is None:
        return ""
    full = max(0, min(percent, 100)) * width // 100
    return f"{'━' * full}{' ' * (width - full)} {percent:3d}%"

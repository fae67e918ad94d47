"""How much of a run was read from the store of values, in words."""

from typing import Any


def reuse_line(claims: list[dict[str, Any]]) -> str | None:
    """None where nothing was."""
    parts = [claim["reused"] for claim in claims if claim["reused"]["values"]]
    if not parts:
        return None
    values, needed = (sum(claim["reused"][name] for claim in claims) for name in ("values", "of"))
    since, until = min(each["since"] for each in parts), max(each["until"] for each in parts)
    days = since if since == until else f"{since} to {until}"
    return f"values of {days} reused: {values:,} of {needed:,}"

"""Is the hub to be reached? Asked first, since libraries that fetch from it go on trying for half a minute. And what is
here of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from circuitcheck.text import first_line

_SECONDS = 3.0  # also for names, which no library sets a limit to
_AGAIN = 60.0  # seconds for which an answer of no holds
_known: list[tuple[float, str]] = []  # when the hub could not be reached last, and why


def why_unreachable() -> str:
    """In words, at most three seconds later; nothing where the hub answers, whatever it says."""
    if _known and time.monotonic() - _known[0][0] < _AGAIN:
        return _known[0][1]
    reasons = [f"no answer in {_SECONDS:g} s"]
    asking = threading.Thread(target=_ask, args=(reasons,), daemon=True)
    asking.start()
    asking.join(_SECONDS)
    reason = reasons[0]
    _known[:] = [(time.monotonic(), reason)] if reason else []
    return reason


def is_in_hub_cache(hub_id: str, revision: str | None) -> bool:
    """Is there a config of this model in the local hub cache?"""
    from huggingface_hub import try_to_load_from_cache  # late: it is slow to import

    return isinstance(try_to_load_from_cache(hub_id, "config.json", revision=revision), str)


@contextmanager
def without_waiting() -> Iterator[str]:
    """Gives why the hub cannot be reached, if it cannot. Libraries then look into their caches alone."""
    reason = why_unreachable()
    if not reason:
        yield reason
        return
    import huggingface_hub.constants as hub

    settings = [hub]
    with suppress(ImportError):
        import datasets.config

        settings.append(datasets.config)
    before = [each.HF_HUB_OFFLINE for each in settings]
    try:
        for each in settings:
            each.HF_HUB_OFFLINE = True
        yield reason
    finally:
        for each, was in zip(settings, before, strict=True):
            each.HF_HUB_OFFLINE = was


def _ask(reasons: list[str]) -> None:
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_SECONDS)
        reasons[0] = ""
    except Exception as error:  # noqa: BLE001 - of whichever library the hub's chose
        reasons[0] = first_line(error) or type(error).__name__

"""Extensions by entry points: a package says in `[project.entry-points.circuitcheck]` which of its modules or functions
register what it adds."""

import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from circuitcheck.errors import BadExtension
from circuitcheck.text import first_line

GROUP = "circuitcheck"
_loaded: set[str] = set()  # what entry points name: two packages may name the same
_one_at_a_time = threading.RLock()


def load_extensions() -> None:
    """Imports each module that an entry point of the group `circuitcheck` names, and calls what is no module, without
    arguments; each once in a process. Raises BadExtension, which names the package and what failed, and again next time."""
    with _one_at_a_time:
        for each in _not_loaded():
            _loaded.add(each.value)  # before it runs: it may ask for a session, which asks for extensions
            try:
                found = each.load()
                if callable(found):
                    found()
            except Exception as error:
                _loaded.discard(each.value)
                raise BadExtension(
                    f"the extension {each.name!r} ({each.value}) of the package {_package(each)} cannot be loaded: "
                    f"{type(error).__name__}: {first_line(error)} Mend or uninstall that package."
                ) from error


def _not_loaded() -> Iterator[EntryPoint]:
    for each in _installed(tuple(sys.path)):
        if each.value not in _loaded:
            yield each


@lru_cache(maxsize=1)
def _installed(_path: tuple[str, ...]) -> list[EntryPoint]:
    """Those of packages on a path. Looking reads a file of every package that is installed."""
    return sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value))


def _package(entry: EntryPoint) -> str:
    return "of no name" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"

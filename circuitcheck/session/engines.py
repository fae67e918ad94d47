"""What runs models, by name: the local engine, and those that extensions register."""

from collections.abc import Callable

from circuitcheck.engine.protocol import Engine
from circuitcheck.errors import BadExtension
from circuitcheck.garbage import without_looking_for_garbage
from circuitcheck.settings import Settings

MakeEngine = Callable[[Settings], Engine]


@without_looking_for_garbage()
def _local_engine(settings: Settings) -> Engine:
    from circuitcheck.engine.torch import LocalEngine  # imported late: it brings torch

    return LocalEngine(settings.device, cache=settings.cache_folder, fast=settings.fast == "on")


_ENGINES: dict[str, MakeEngine] = {"local": _local_engine}


def register_engine(name: str, make: MakeEngine) -> None:
    """Let `--circuit-engine NAME`, and `Settings(engine=NAME)`, run on `make(settings)`, which answers the calls of
    `Engine`. The same function again changes nothing. Raises BadExtension for a name that is taken."""
    if _ENGINES.get(name, make) is not make:
        raise BadExtension(f"there is an engine called {name!r} already: give yours another name.")
    if not callable(make):
        raise BadExtension(f"engine {name!r}: {make!r} makes none; expected a function of the settings.")
    _ENGINES[name] = make


def engine_names() -> tuple[str, ...]:
    return tuple(_ENGINES)


def chosen_engine(settings: Settings) -> Engine:
    """Raises BadExtension where no extension registered it."""
    if settings.engine not in _ENGINES:
        raise BadExtension(f"there is no engine {settings.engine!r}; there are {', '.join(_ENGINES)}.")
    return _ENGINES[settings.engine](settings)

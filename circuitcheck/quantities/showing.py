"""A picture in its place: on the result of the claim that runs, or in a notebook."""

import sys
from typing import Protocol

from circuitcheck.errors import BadPicture, after_reload
from circuitcheck.notices import say_once
from circuitcheck.pictures import Picture
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.text import shown


class Drawable(Protocol):
    """What has a picture of itself: a grid, a series."""

    def plot(self) -> Picture: ...


def show(picture: Picture | Drawable) -> None:
    """Inside a claim: attach a picture (of a grid or a series, that of its `plot()`) to the claim's result. The HTML report
    shows it, the JSON report holds it, and `--circuit-figures FOLDER` writes it as a file. In a notebook, outside of claims,
    it is displayed at once. It changes no verdict.

    Raises BadPicture for what is no picture, or one claim's pictures that are too many or too large.
    """
    found = picture if isinstance(picture, Picture) else _drawn(picture)
    recorder = current_recorder()
    if recorder is not None:
        recorder.showed(found)
    elif not _displayed(found):
        say_once("cc.show: no claim runs here, and this is no notebook: picture.save('map.svg') writes a file.")


def _drawn(given: object) -> Picture:
    plot = getattr(given, "plot", None)
    found = plot() if callable(plot) else None
    if not isinstance(found, Picture):
        measure = hasattr(given, "estimate")
        instead = " What is not measured yet has none: a sweep has one by cc.show(sweep.estimate(64))." if measure else ""
        raise BadPicture(
            f"show({shown(given)}): expected a picture, or a grid or a series, which draw one.{instead}{after_reload(given)}"
        )
    return found


def _displayed(picture: Picture) -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return False
    from IPython.display import display

    display(picture)
    return True

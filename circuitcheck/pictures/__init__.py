"""Pictures as SVG text, without scripts, fonts or downloads: plain numbers and words in, one text out.

Colours are not needed to read them: signs stand on what is shown, hatching on what is not. Each has a title and a
description, and each mark a text of its own, for screen readers and for whoever points at it.
"""

from circuitcheck.pictures.bars import Bar, bars
from circuitcheck.pictures.maps import MapCell, heat_map
from circuitcheck.pictures.picture import Picture
from circuitcheck.pictures.profile import profile
from circuitcheck.pictures.scatter import Dot, scatter
from circuitcheck.pictures.svg import notice

__all__ = ["Bar", "Dot", "MapCell", "Picture", "bars", "heat_map", "notice", "profile", "scatter"]

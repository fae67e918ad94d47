"""Places in a transformer's computation, as a claim names them: sites, units, positions, and sets of them."""

from circuitcheck.places.matching import MatchedParts
from circuitcheck.places.positions import AllBut, At, Position, named_in, parse_at, parse_position
from circuitcheck.places.site_kinds import SITE_KINDS, KindName, SiteKind, site_kind
from circuitcheck.places.sites import (
    Part,
    Site,
    Sites,
    check_sites,
    parse_sites,
    parse_targets,
    parts_of,
    site_of,
    unit_of,
)
from circuitcheck.places.unit_sets import Circuit, UnitSet, circuit, heads, layers, neurons
from circuitcheck.places.units import (
    ANY_MODEL,
    Architecture,
    AttnLayer,
    Head,
    MlpLayer,
    Neuron,
    Unit,
    Units,
    parse_layers,
    parse_units,
)

__all__ = [
    "ANY_MODEL",
    "SITE_KINDS",
    "AllBut",
    "Architecture",
    "At",
    "AttnLayer",
    "Circuit",
    "Head",
    "KindName",
    "MatchedParts",
    "MlpLayer",
    "Neuron",
    "Part",
    "Position",
    "Site",
    "SiteKind",
    "Sites",
    "Unit",
    "UnitSet",
    "Units",
    "check_sites",
    "circuit",
    "heads",
    "layers",
    "named_in",
    "neurons",
    "parse_at",
    "parse_layers",
    "parse_position",
    "parse_sites",
    "parse_targets",
    "parse_units",
    "parts_of",
    "site_kind",
    "site_of",
    "unit_of",
]

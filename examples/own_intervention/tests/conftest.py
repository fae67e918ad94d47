"""Fixtures: `model`, `ioi`, ...; `belongings` comes with the extension."""

from circuitcheck.fixtures import *  # noqa: F403

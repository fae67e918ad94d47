"""Fixtures that claims use: `model`, `ioi`, ..."""

from circuitcheck.fixtures import *  # noqa: F403

"""What the entry of the plugin and its hooks keep together on pytest's config."""

import pytest

from circuitcheck.plugin.progress import Progress

PROGRESS = pytest.StashKey[Progress]()
CHANGED = pytest.StashKey[dict[str, str]]()  # fingerprints of models that are no longer what was loaded, and what was said

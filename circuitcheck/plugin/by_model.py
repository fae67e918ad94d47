"""With `--dist loadgroup` of xdist, claims on one model go to one worker, so that each model is loaded once."""

from functools import cached_property
from typing import Any

import pytest

from circuitcheck.plugin.workers import told_by_worker


def scheduler_by_model(config: pytest.Config, log: Any) -> Any:
    """xdist's own, for which the tests of a model are a group where nobody put them into another."""
    from xdist.scheduler import LoadGroupScheduling

    class ByModel(LoadGroupScheduling):  # type: ignore[misc]  # no types are followed here
        @cached_property
        def models(self) -> dict[str, str]:
            """By test; known when workers have collected."""
            return {claim["node"]: claim["model"]["spec"] for claim in told_by_worker(config) if claim["model"]}

        def _split_scope(self, nodeid: str) -> str:
            group = str(super()._split_scope(nodeid))
            return self.models.get(nodeid, group) if group == nodeid else group

    return ByModel(config, log)

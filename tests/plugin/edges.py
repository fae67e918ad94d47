"""Thresholds at the very edge of an interval: a claim with such a threshold has a p-value that is known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from claims_folder import Folder

QUANTITY = "ioi.logit_diff(model)"


@dataclass(frozen=True)
class Edge:
    """The upper end of the interval that leaves `error` outside, at the first look of a budget of `samples` prompts."""

    error: float
    quantity: str = QUANTITY
    samples: int = 32
    scope: str = "these_templates"

    def claim(self, name: str, threshold: float, relation: str = "<", **arguments: object) -> str:
        """A claim named `name` that the quantity is below (or `relation`) the threshold."""
        given = {"samples": self.samples, "scope": self.scope, **arguments}
        written = "".join(f", {key}={value!r}" for key, value in given.items())
        return (
            f"\n@claim(id={name!r}{written})\ndef test_{name.replace('-', '_')}(model, ioi):\n"
            f"    assert {self.quantity} {relation} {threshold!r}\n"
        )


def measure(folder: Folder, edges: Mapping[str, Edge]) -> dict[str, float]:
    """The upper end of each, from one run of claims that are all supported at their first look."""
    path = folder.write("".join(edge.claim(name, 50, confidence=1 - edge.error) for name, edge in edges.items()))
    claims = folder.run().claims
    path.unlink()
    found = {}
    for name in edges:
        (comparison,) = claims[name]["comparisons"]
        assert (comparison["verdict"], comparison["n"]) == ("supported", 32), comparison
        found[name] = comparison["ci"][1]
    return found

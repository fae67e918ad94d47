"""What the machine itself adds to a number: the same prompts in another batch do not always give the same values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Noise:
    """`mean`: on a mean over prompts; `worst`: on one prompt. Both in the units of the values, neither below 0."""

    mean: float = 0.0
    worst: float = 0.0

    def scaled(self, k: float) -> "Noise":
        return Noise(abs(k) * self.mean, abs(k) * self.worst)

    def plus(self, other: "Noise") -> "Noise":
        return Noise(self.mean + other.mean, self.worst + other.worst)


NO_NOISE = Noise()

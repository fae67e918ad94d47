"""What a doctor's visit found out about a loaded model, as data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

Status = Literal["passed", "failed", "refused", "noted"]
VERSION = 2  # of the checks: a stored check-up of another version is made anew
EVERYTHING, TEXT = "model", "text"  # the subjects of findings on which every claim depends


def passed(sound: bool) -> Status:
    return "passed" if sound else "failed"


@dataclass(frozen=True)
class Finding:
    """One check. `subject` is a kind of site, or what else was looked at; `error` the largest deviation, over the size of
    the effect that was expected (None where nothing was compared). "refused": this model has no such place; "noted":
    nothing here depends on it."""

    subject: str
    check: str
    status: Status
    error: float | None = None
    detail: str = ""

    def describe(self) -> str:
        """The error and what else is to say."""
        parts = [] if self.error is None else [f"{self.error:.2g}"]
        return ", ".join(parts + ([self.detail] if self.detail else []))


@dataclass(frozen=True)
class CheckUp:
    """All findings on one model, by fingerprint, on one kind of device. `version` is that of the examination."""

    model: str
    fingerprint: str
    device: str
    dtype: str
    seconds: float
    findings: tuple[Finding, ...]
    version: int = VERSION

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.status == "failed")

    def against(self, kinds: frozenset[str]) -> tuple[Finding, ...]:
        """The failures on which work with these kinds of sites depends."""
        return tuple(each for each in self.failed if each.subject in {*kinds, EVERYTHING, TEXT})

    def as_dict(self) -> dict[str, Any]:
        """Builtins alone, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what is no check-up, or one that found nothing."""
        findings = tuple(Finding(**each) for each in given["findings"])
        found = cls(**{**given, "findings": findings})
        texts = (found.model, found.fingerprint, found.device, found.dtype)
        of_findings = [text for each in findings for text in (each.subject, each.check, each.detail)]
        errors = [each.error for each in findings if each.error is not None]
        if not all(isinstance(text, str) for text in (*texts, *of_findings)) or not all(
            map(_is_number, (found.seconds, *errors))
        ):
            raise TypeError("a field has another type")
        if not findings or any(each.status not in get_args(Status) for each in findings):
            raise ValueError("it found nothing, or has a status that no finding has")
        return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

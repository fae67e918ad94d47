"""A run once more from its report: with what it was run, and what of that is not to be had any more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadSpec
from circuitcheck.models import parse_spec
from circuitcheck.network import is_in_hub_cache
from circuitcheck.runs.reading import Record, claim_key, leaves_of

_SETTINGS = ("device", "engine", "dtype", "seed", "confidence", "first_look", "samples", "scope")
_NOT_AGAIN = ("--circuit-store=", "--circuit-store-mb=", "--circuit-cache=")  # where things are kept
_COMPARED = ("python", "platform")


@dataclass(frozen=True)
class OneRun:
    """Of a report, or of one of those that were merged into it: its environment, and the claims that are to be run again."""

    environment: Record
    claims: tuple[Record, ...]

    @property
    def files(self) -> list[str]:
        """That hold the tests, in the order of the report."""
        return list(dict.fromkeys(claim["node"].partition("::")[0] for claim in self.claims))

    @property
    def options(self) -> list[str]:
        """For pytest's command line. What a claim says of itself comes before the ini file, as it did; so that is where the
        settings go that nobody gave on the command line."""
        said = [each for each in self.environment.get("options", []) if not each.startswith(_NOT_AGAIN)]
        said = [each for each in said if not each.startswith("--circuit-samples=") or self._one_budget]
        ini = [f"circuit_{name}={self.environment[name]}" for name in _SETTINGS if name in self.environment]
        fixed = max((each["rests_on"]["fixed"] for each in self._leaves if each["rests_on"]), default=0)
        if fixed > self.environment["first_look"]:
            ini.append(f"circuit_baseline_prompts={fixed}")
        return [*said, *(word for each in ini for word in ("-o", each))]

    @property
    def _one_budget(self) -> bool:
        """An option on the command line would be that of all claims, where an ini file's is not."""
        return {(claim["settings"] or {}).get("samples") for claim in self.claims} == {self.environment["samples"]}

    @property
    def _leaves(self) -> Iterator[Record]:
        return (leaf for claim in self.claims for leaf in leaves_of(claim))


def runs_of(report: Record) -> list[OneRun]:
    """Claims without a verdict are left out: there is nothing to meet."""
    claims = [claim for claim in report["claims"] if claim["verdict"] not in ("error", "skipped")]
    merged = report.get("merged")
    if merged is None:
        return [OneRun(report["environment"], tuple(claims))] if claims else []
    by_name = {claim_key(claim): claim for claim in claims}
    runs = []
    for run in merged["runs"]:
        own = tuple(by_name.pop(name) for name in run["claims"] if name in by_name)
        if own:
            runs.append(OneRun(run["environment"], own))
    return runs


def differences(then: Record, now: Mapping[str, Any]) -> list[str]:
    """What the run was made with and is not any more, in words."""
    found = list(_of_commits(then["commit"], now["commit"]))
    for name in _COMPARED:
        if then[name] != now[name]:
            found.append(f"{name} was {then[name]} and is {now[name]}")
    packages = {**dict.fromkeys(then["packages"]), **now["packages"]}
    for name in packages:
        was, is_now = then["packages"].get(name, "not there"), now["packages"].get(name, "not there")
        if was != is_now:
            found.append(f"{name} was {was} and is {is_now}")
    return found


def missing(run: OneRun, folder: Path) -> list[str]:
    """Files and models that are not here, as far as that is told without loading any."""
    absent = [file for file in run.files if not (folder / file).is_file()]
    found = [f"no file {file} is here: run this where pytest ran" for file in absent]
    for spec in dict.fromkeys(claim["param"] for claim in run.claims if claim["param"] is not None):
        why = _why_no_model(spec)
        if why:
            found.append(why)
    return found


def _of_commits(then: str | None, now: str | None) -> Iterator[str]:
    if then is not None and then.endswith("-dirty"):
        yield f"the run was made of files that no commit holds ({then}): nobody can have them again"
    if then is None:
        yield "the run was made outside of git: nobody can tell whether these are its files"
    elif then != now:
        yield f"the commit was {then} and is {now or 'none: this folder is outside of git'}"


def _why_no_model(spec: str) -> str:
    try:
        found = parse_spec(spec)
    except BadSpec as error:
        return f"model {spec}: {error}"
    if found.kind == "gguf" and not Path(found.source).expanduser().is_file():
        return f"model {spec}: there is no such file here"
    if found.kind == "hub" and not is_in_hub_cache(found.source, found.revision):
        return f"model {spec}: it is not in the local hub cache, and must be had from its hub"
    return ""

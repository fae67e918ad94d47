"""The hub: is it to be reached, and does it give a model out?"""

import re

from circuitcheck.engine.torch.loading.known_names import aliases, hub_ids
from circuitcheck.errors import BadSpec, ModelUnavailable
from circuitcheck.models import ModelSpec
from circuitcheck.network import why_unreachable
from circuitcheck.text import nearest

_PROBE_SECONDS = 10
_DIGITS = re.compile(r"\d")
_CLOSE = 0.85  # of two names: most models of users are nobody's slip
_LONGEST = 1_000  # characters of what a library says: some print all that they were given


def probe_hub(spec: ModelSpec) -> None:
    """Quick questions, since transformers retries for half a minute where there is no network. Raises ModelUnavailable;
    BadSpec for a name that only TransformerLens knows."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    _refuse_alias(spec)
    client_error: type[Exception] = HfHubHTTPError.__bases__[0]  # of httpx or httpx2, as the hub library chose
    if reason := why_unreachable():
        raise _not_reached(spec, reason.removesuffix("."))
    try:
        HfApi().model_info(spec.source, revision=spec.revision, timeout=_PROBE_SECONDS)
    except HfHubHTTPError as error:
        raise ModelUnavailable(f"the hub does not give out {spec}: {first_sentence(error)} {how_to_get(spec)}") from error
    except (client_error, OSError) as error:
        raise _not_reached(spec, first_sentence(error).removesuffix(".")) from error


def _refuse_alias(spec: ModelSpec) -> None:
    """TransformerLens has short names of its own, which no hub knows. Raises BadSpec."""
    if "/" in spec.source:
        return
    named = [hub_id for hub_id, short in aliases().items() if spec.source in short]
    if named:
        raise BadSpec(
            f"{spec.source!r} is what TransformerLens calls {named[0]!r}: write cc.load({named[0]!r}), its hub id."
        )


def _not_reached(spec: ModelSpec, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{spec} is no folder here, so it is taken for a hub id; it is not in the local hub cache, and the hub cannot be "
        f"reached ({reason}). {how_to_get(spec)}"
    )


def how_to_get(spec: ModelSpec) -> str:
    """Words for an error, with the hub's model that this name may be a slip of."""
    revision = f" --revision {spec.revision}" if spec.revision else ""
    meant = _near(spec.source)
    known = f". Did you mean {meant!r}?" if meant else ""
    return f"Get it where there is a network: hf download {spec.source}{revision}{known}"


def _near(source: str) -> str:
    """The hub id whose name, or TransformerLens' name for it, is close to `source`; empty where none is, it is one itself,
    or it is another version or size, by its digits."""
    names: dict[str, str] = {alias: hub_id for hub_id, short in aliases().items() for alias in short}
    names |= {hub_id: hub_id for hub_id in hub_ids()}
    close = nearest(source, names, _CLOSE)
    if not close or names[close] == source or _DIGITS.sub("", close.lower()) == _DIGITS.sub("", source.lower()):
        return ""
    return names[close]


def first_sentence(error: BaseException) -> str:
    """What an error says, ended by a point: up to its first line that does not announce another."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    text = " ".join(lines[: 1 + next((n for n, line in enumerate(lines) if not line.endswith(":")), len(lines))])
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return text if text.endswith(".") else text + "."

"""The hub: is it to be reached, and does it give a model out?"""

from circuitcheck.errors import BadSpec, ModelUnavailable
from circuitcheck.models import ModelSpec
from circuitcheck.network import why_unreachable

_PROBE_SECONDS = 10
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
    from transformer_lens.supported_models import MODEL_ALIASES

    named = [hub_id for hub_id, aliases in MODEL_ALIASES.items() if spec.source in aliases]
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
    """Words for an error."""
    revision = f" --revision {spec.revision}" if spec.revision else ""
    return f"Get it where there is a network: hf download {spec.source}{revision}"


def first_sentence(error: BaseException) -> str:
    """What an error says, ended by a point: up to its first line that does not announce another."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    text = " ".join(lines[: 1 + next((n for n, line in enumerate(lines) if not line.endswith(":")), len(lines))])
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return text if text.endswith(".") else text + "."

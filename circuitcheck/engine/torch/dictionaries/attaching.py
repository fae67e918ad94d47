"""Where a dictionary belongs, and what it was made for, as its config and the user say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from circuitcheck.errors import BadDictionary
from circuitcheck.places import Site, named_elsewhere, site_kind
from circuitcheck.plan import MadeFor

_FOLDED = ("fold_ln", "center_writing_weights", "center_unembed")
_SAME_VALUE = {"resid_mid", "mlp_in"}
_IN_ORDER = (
    *("embed", "resid_pre", "q", "k", "v", "scores", "pattern", "z", "result", "attn_out"),
    *("resid_mid", "mlp_in", "neurons", "mlp_out", "resid_post"),
)
_HOW = "say where it is attached: at='L1H11.q', or reads= and writes= of a transcoder"


def sites_of(name: str, metadata: Any, reads: Site | None, writes: Site | None, *, transcoder: bool) -> tuple[Site, Site]:
    """(what it reads, what it writes). Raises BadDictionary where the config says otherwise than the user, or where neither
    says anything."""
    has_two = metadata.hook_name_out is not None
    if has_two and not transcoder and metadata.hook_name_out != metadata.hook_name:
        raise BadDictionary(
            f"{name} reads {metadata.hook_name} and writes {metadata.hook_name_out}: it is a transcoder. Use cc.transcoder."
        )
    read = _site(name, "reads", metadata.hook_name, metadata.hook_head_index, reads)
    if site_kind(read.kind).of_queries:
        raise BadDictionary(f"{name} cannot be attached at {read}, which holds attention, no vector of fixed width.")
    if not transcoder:
        return read, read
    written = _site(name, "writes", metadata.hook_name_out, metadata.hook_head_index_out, writes)
    if _place(written) <= _place(read):
        raise BadDictionary(
            f"{name} is to read {read} and to write {written}, which a run comes to first: what it reads must come before."
        )
    return read, written


def _place(site: Site) -> tuple[int, int]:
    """In the order of a run. Kinds of users come where nobody knows: their layer alone is compared, as it can be."""
    return site.layer, _IN_ORDER.index(site.kind) if site.kind in _IN_ORDER else len(_IN_ORDER)


def _site(name: str, what: str, hook: str | None, head: int | None, given: Site | None) -> Site:
    found = _of_hook(name, hook, head) if hook else None
    if given is None and found is None:
        said = f"its config says {hook!r}, which is no site that is known here" if hook else "its config does not say it"
        raise BadDictionary(f"what {name} {what} is not known ({said}): {_HOW}.")
    if given is None or found is None:
        return given or found  # type: ignore[return-value]
    same_layer = found.index is None and given.layer == found.layer
    same = given.kind == found.kind or {given.kind, found.kind} == _SAME_VALUE
    if given != found and not (same and same_layer):  # the config of a dictionary of one head often names no head
        raise BadDictionary(
            f"{name} was made for {found} ({hook}{'' if head is None else f', head {head}'}), and is to be attached at "
            f"{given}: its features mean nothing there. Leave the site out, or give the dictionary of that site."
        )
    return given


def _of_hook(name: str, hook: str, head: int | None) -> Site | None:
    found = named_elsewhere(hook)
    if found is None:
        return None
    kind, layer, _ = found
    if layer is None and kind != "embed":
        raise BadDictionary(f"{name}: its config names the hook {hook!r}, which is of no layer: {_HOW}.")
    return Site(kind, layer or 0, head)


def made_for(metadata: Any, given: MadeFor) -> MadeFor:
    """What is given comes first."""
    from_config = MadeFor(metadata.model_name, _processing(metadata.model_from_pretrained_kwargs), metadata.prepend_bos)
    chosen = {name: value for name, value in vars(given).items() if value is not None}
    return replace(from_config, **chosen)


def _processing(arguments: Mapping[str, Any] | None) -> str | None:
    """sae_lens loads models without processing, unless these arguments say otherwise; None where they are not known."""
    if arguments is None:
        return None
    return "folded" if any(arguments.get(name) for name in _FOLDED) else "none"

"""A dictionary read through sae_lens: from a folder, from a release on a hub, or as an object of the user's."""

import copy
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from circuitcheck.engine.torch.loading.hub import first_sentence
from circuitcheck.engine.torch.loading.json_files import check_no_pointer, read_object
from circuitcheck.engine.torch.loading.safetensors_header import read_types
from circuitcheck.errors import BadDictionary, CircuitCheckError, CorruptCheckpoint, ModelUnavailable
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec, bundled_dictionaries, dictionary_folder
from circuitcheck.network import without_waiting
from circuitcheck.text import a_kind, first_line, shown, suggestion

HUB = "hub:"
_CONFIG, _WEIGHTS = "cfg.json", "sae_weights.safetensors"
_LARGEST = 1 << 20  # bytes of a config
_WORDS: dict[str, type] = {  # of a config's metadata
    **dict.fromkeys(("hook_name", "hook_name_out", "model_name"), str),
    **dict.fromkeys(("hook_head_index", "hook_head_index_out"), int),
    "prepend_bos": bool,
}
_KINDS = {str: "text", int: "a whole number", bool: "true or false"}


def read_dictionary(spec: object) -> Any:
    """A sae_lens SAE in float32 on the CPU, a copy of our own. Raises BadDictionary, CorruptCheckpoint, ModelUnavailable."""
    _import()
    if isinstance(spec, str):
        return _from_hub(spec) if spec.startswith(HUB) else _from_folder(spec, dictionary_folder(spec))
    from sae_lens import SAE

    if not isinstance(spec, SAE):
        raise BadDictionary(
            f"{a_kind(spec)} is no dictionary; expected the path of a folder with {_CONFIG} and {_WEIGHTS}, "
            f"'hub:RELEASE/ID', or an SAE object of sae_lens."
        )
    return _settled(copy.deepcopy(spec), "the SAE object")


def state_of(spec: str) -> tuple[tuple[int, int], ...]:
    """Size and time of change of its files: another state is another dictionary. Empty for one of a hub."""
    if spec.startswith(HUB):
        return ()
    files = [dictionary_folder(spec) / name for name in (_CONFIG, _WEIGHTS)]
    states = [each.stat() for each in files if _is_file(each)]
    return tuple((state.st_size, state.st_mtime_ns) for state in states)


def _import() -> None:
    """It takes seconds, and warns of what is not ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import sae_lens  # noqa: F401
    except ImportError as error:
        raise ModelUnavailable(
            f"dictionaries are read by sae_lens, which is not installed, or not beside this TransformerLens (sae-lens 6.54 "
            f"needs transformer-lens below 4): {first_sentence(error)} Run: pip install 'sae-lens>=6.54'"
        ) from error


def _from_folder(spec: str, folder: Path) -> Any:
    named = ModelSpec("folder", spec)
    for name in (_CONFIG, _WEIGHTS):
        if not _is_file(folder / name):
            raise BadDictionary(
                f"{spec!r} is no dictionary: {f'it has no {name}' if os.path.isdir(folder) else 'no such folder is here'}. "
                f"Expected a folder that sae_lens saved, with {_CONFIG} and {_WEIGHTS} (looked for in {folder.absolute()}), "
                f"'hub:RELEASE/ID', or one of {', '.join(bundled_dictionaries('organism'))}."
            )
    config = read_object(named, folder / _CONFIG, _LARGEST)
    _check_header(named, folder / _WEIGHTS)
    from sae_lens import SAE

    with _reading(spec):
        found = SAE.load_from_disk(folder, device="cpu", dtype="float32")
    _check_activation(spec, config, found)
    return _settled(found, spec)


def _is_file(path: Path) -> bool:
    """Also of a name that no file can have. A pipe or a device is none."""
    return os.path.isfile(path) and is_plain(path, path.stat())


def _check_header(spec: ModelSpec, path: Path) -> None:
    try:
        check_no_pointer(spec, path)
        types = read_types(path)
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptCheckpoint(
            f"{spec}: {path.name} cannot be read as a safetensors file ({first_line(error)[:200]}). It may be truncated or "
            f"of another format; get a fresh copy."
        ) from error
    whole = sorted(name for name, kind in types.items() if not kind.startswith(("F", "BF")))
    if whole:
        raise BadDictionary(
            f"{spec}: the tensor {whole[0]!r} is of type {types[whole[0]]}; expected floating-point numbers (F32, F16, "
            f"BF16). A quantised dictionary has to be converted first."
        )


def _check_activation(spec: str, config: dict[str, Any], found: Any) -> None:
    """A TopK dictionary of an old format that is read as one with a ReLU fires features that it never did (SAELens#553)."""
    said = str(config.get("activation_fn_str") or config.get("activation_fn") or "").lower()
    read_as = found.cfg.architecture()
    if "topk" in said and "topk" not in read_as:
        raise BadDictionary(
            f"{spec}: its config says that the activation is {said!r}, and sae_lens read it as {read_as!r}, whose features "
            f'fire where they should not. Write "architecture": "topk" and "k" into {_CONFIG}.'
        )


def _from_hub(spec: str) -> Any:
    release, sae_id = _release_and_id(spec)
    from sae_lens import SAE

    reason = ""
    try:
        with _quiet(), without_waiting() as reason:
            found = SAE.from_pretrained(release, sae_id, device="cpu", dtype="float32")
    except (ValueError, KeyError) as error:
        raise BadDictionary(f"{spec!r} names no dictionary that sae_lens knows: {first_sentence(error)}") from error
    except Exception as error:
        said = f"{type(error).__name__}: {first_sentence(error)}"
        if reason:
            said = f"it is not in the local hub cache, and the hub cannot be reached ({reason.removesuffix('.')})."
        raise ModelUnavailable(
            f"{spec} cannot be had: {said} Get it where there is a network, and "
            f"give the folder of the file in the hub's cache."
        ) from error
    return _settled(found, spec)


def _release_and_id(spec: str) -> tuple[str, str]:
    """A release that sae_lens lists, or a repository `owner/name`; then the id of one dictionary in it."""
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    words = spec.removeprefix(HUB).split("/")
    known = get_pretrained_saes_directory()
    taken = 1 if words[0] in known else 2
    release, sae_id = "/".join(words[:taken]), "/".join(words[taken:])
    if not sae_id:
        some = [f"'{HUB}{release}/{each}'" for each in list(known[release].saes_map)[:2]] if release in known else []
        said = f" This release has {' and '.join(some)} among others." if some else suggestion(words[0], known)
        raise BadDictionary(
            f"{spec!r} names no dictionary; expected 'hub:RELEASE/ID', such as "
            f"'hub:gpt2-small-res-jb/blocks.8.hook_resid_pre'.{said}"
        )
    return release, sae_id


def _settled(sae: Any, spec: str) -> Any:
    """In evaluation, without anybody's hooks. Raises BadDictionary for one that no value alone can be encoded by, or whose
    scale is not known."""
    how = sae.cfg.architecture()
    _check_words(sae, spec)
    if how == "temporal":
        raise BadDictionary(
            f"{spec} is of the architecture 'temporal', whose features depend on the tokens before: it has no features of "
            f"one token's value. Use another architecture."
        )
    norm = sae.cfg.normalize_activations
    if norm in ("expected_average_only_in", "covariance_whitening"):
        fold = "fold_activation_norm_scaling_factor" if norm.startswith("expected") else "fold_activation_whitening"
        raise BadDictionary(
            f"{spec} expects activations normalised by {norm!r}, and the factors are not in its files: every feature would "
            f"be on another scale. Call sae.{fold}(...) in sae_lens, save it, and give that folder."
        )
    sae.reset_hooks()
    sae.turn_off_forward_pass_hook_z_reshaping()  # values come to it flat
    if getattr(getattr(sae, "activation_fn", None), "use_sparse_activations", False):
        sae.activation_fn.use_sparse_activations = False
    sae = sae.to(dtype=torch.float32)
    sae.requires_grad_(False)
    return sae.eval()


def _check_words(sae: Any, spec: str) -> None:
    """What a config says of its use is taken as it is. Raises BadDictionary for what is of another type."""
    metadata = sae.cfg.metadata
    for name, kind in _WORDS.items():
        given = getattr(metadata, name)
        if given is not None and (not isinstance(given, kind) or isinstance(given, bool) != (kind is bool)):
            raise BadDictionary(
                f"{spec}: its config says {name}={shown(given)}; expected {_KINDS[kind]}. Get the config that belongs to "
                f"these weights."
            )
    k, width = getattr(sae.cfg, "k", 1), sae.cfg.d_sae
    if isinstance(k, bool) or not isinstance(k, int | float) or not 0 < k <= width:
        raise BadDictionary(
            f"{spec}: its config says k={shown(k)}, how many features fire; expected 1 to {width}, the number of its "
            f"features. Get the config that belongs to these weights."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _reading(spec: str) -> Iterator[None]:
    try:
        with _quiet():
            yield
    except CircuitCheckError:
        raise
    except Exception as error:
        raise CorruptCheckpoint(
            f"sae_lens cannot read the dictionary {spec}: {type(error).__name__}: {first_line(error)[:300]} Its {_CONFIG} "
            f"may not be that of its weights, or one of the two is damaged; get a fresh copy of both."
        ) from error

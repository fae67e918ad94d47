"""What an engine measured of one cell on some rows, as an entry: values, receipts and digests of the prompts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import FeatureReceipt, Receipt
from circuitcheck.store.packing import Unreadable, pack, unpack

_TEXTS = ("digest", "model", "view", "intervention", "dtype")
_LISTS = ("sites", "idle")
_FIELDS = {*_TEXTS, *_LISTS, "allow_vacuous", "features", "output"}

Measurement = tuple[NDArray[np.float64], tuple[Receipt, ...], tuple[str, ...]]  # values, receipts, prompts


def pack_block(values: NDArray[np.float64], receipts: tuple[Receipt, ...], prompts: tuple[str, ...]) -> bytes:
    """`values` [row]; receipts of the same rows; a digest of each prompt, or none."""
    arrays = [np.asarray(values, np.float64)]
    for receipt in receipts:
        numbers = [receipt.relative, *(each.activation for each in receipt.features)]
        arrays.append(np.array([*numbers, *([receipt.output] if receipt.output else [])], np.float64))
    return pack({"prompts": list(prompts), "receipts": [_said(each) for each in receipts]}, arrays)


def _said(receipt: Receipt) -> dict[str, Any]:
    """All that is no number."""
    return {
        **{name: getattr(receipt, name) for name in _TEXTS},
        **{name: list(getattr(receipt, name)) for name in _LISTS},
        "allow_vacuous": receipt.allow_vacuous,
        "features": [each.feature for each in receipt.features],
        "output": bool(receipt.output),
    }


def unpack_block(content: bytes, rows: int) -> Measurement:
    """Raises Unreadable for anything but a block of so many rows."""
    found = unpack(content)
    if set(found.header) != {"prompts", "receipts"} or not isinstance(found.header["receipts"], list):
        raise Unreadable("it is no block of values")
    prompts, receipts = found.header["prompts"], found.header["receipts"]
    if len(found.arrays) != 1 + len(receipts) or not _texts(prompts) or len(prompts) not in (0, rows):
        raise Unreadable("its parts do not fit together")
    values, *numbers = found.arrays
    if values.dtype != np.float64 or values.shape != (rows,):
        raise Unreadable("its values are not of these rows")
    read = tuple(_receipt(said, each, rows) for said, each in zip(receipts, numbers, strict=True))
    return values, read, tuple(prompts)


def _receipt(said: object, numbers: NDArray[Any], rows: int) -> Receipt:
    if not isinstance(said, Mapping) or set(said) != _FIELDS:
        raise Unreadable("a receipt has other fields")
    are_lists = all(_texts(said[name]) for name in (*_LISTS, "features"))
    are_flags = all(isinstance(said[name], bool) for name in ("allow_vacuous", "output"))
    if not are_lists or not are_flags or not _texts([said[name] for name in _TEXTS]):
        raise Unreadable("a field of a receipt has another type")
    if numbers.dtype != np.float64 or numbers.shape != (1 + len(said["features"]) + said["output"], rows):
        raise Unreadable("a receipt is not of these rows")
    relative, *others = (tuple(row.tolist()) for row in numbers)
    features = tuple(FeatureReceipt(name, row) for name, row in zip(said["features"], others, strict=False))
    words: dict[str, Any] = {name: said[name] for name in (*_TEXTS, "allow_vacuous")}
    words.update({name: tuple(said[name]) for name in _LISTS})
    output = others[-1] if said["output"] else ()
    return Receipt(relative=relative, features=features, output=output, **words)


def _texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) for each in given)

"""Finished claims come back as they went in, in the order in which they first came, also where a disk is full."""

import errno
import tempfile

import pytest

from circuitcheck.report.packed import PackedClaims


def _filled() -> PackedClaims:
    packed = PackedClaims()
    for number in (1, 2, 3):
        packed[f"claim-{number}", None] = {"id": number, "text": "é\ud800"}
    packed["claim-1", None] = {"id": 1, "text": "again"}
    return packed


def _is_as_filled(packed: PackedClaims) -> bool:
    return [(each["id"], each["text"]) for each in packed.values()] == [(1, "again"), (2, "é\ud800"), (3, "é\ud800")]


def test_claims_come_back_in_order_and_the_last_of_a_key_counts() -> None:
    packed = _filled()
    assert _is_as_filled(packed)
    assert _is_as_filled(packed), "they can be asked for twice"
    assert len(packed) == 3
    assert ("claim-1", None) in packed
    assert ("claim-1", "x") not in packed


@pytest.mark.parametrize("room", [0, 30, 120])
def test_nothing_is_lost_where_the_disk_is_full(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Two of the three end within a claim: what is written then is less than was asked for."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: _FullDisk(room))
    assert _is_as_filled(_filled())


class _FullDisk:
    """As a file with no buffer behaves: a write may come short, and then fails."""

    def __init__(self, room: int) -> None:
        self.data, self.room, self.at = b"", room, 0

    def seek(self, to: int, whence: int = 0) -> int:
        self.at = to if whence == 0 else len(self.data)
        return self.at

    def write(self, data: bytes) -> int:
        left = self.room - len(self.data)
        if left <= 0:
            raise OSError(errno.ENOSPC, "no space left")
        self.data += data[:left]
        return len(data[:left])

    def close(self) -> None:
        pass

    def read(self, count: int) -> bytes:
        return self.data[self.at : self.at + count]

"""The most memory that this process held for a while: of its GPUs where it computes on one, else of the machine."""

import sys
from pathlib import Path
from typing import Any

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # see proc_pid_clear_refs(5)


def start_counting() -> bool:
    """From here on. Can the system begin anew?"""
    if cuda := _cuda():
        for device in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(device)
    try:
        _RESET.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def most_held() -> int | None:
    """Bytes; None where the system does not say."""
    if cuda := _cuda():
        on_gpus = sum(int(cuda.max_memory_allocated(device)) for device in range(cuda.device_count()))
        if on_gpus:  # CUDA is initialised by who only asks for it
            return on_gpus
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def peak_in_words(peak: int | None) -> str:
    return "" if peak is None else f"at most {peak / 1e9:.2f} GB in use"


def _cuda() -> Any:
    """torch.cuda where it was initialised; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None

"""Engines measure plans. `protocol` says what an engine is; `torch` is the one that runs on this machine."""

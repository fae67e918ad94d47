"""The local engine: TransformerLens models on this machine's CPU or GPU. Importing this package imports torch."""

from circuitcheck.engine.torch.local_engine import LocalEngine

__all__ = ["LocalEngine"]

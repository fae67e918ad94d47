"""The libraries that run models. They take seconds to import, so that is done when the first model is about to be read."""

import gc
import sys

from torch.nn import Parameter


def import_libraries() -> None:
    """What they make stays as long as the process, and Python looks through it for garbage no more. That took a quarter of a
    short run, most of it at the end. Where a model is alive by now, all is left as it is: what is not looked through may
    never be let go of."""
    if "transformer_lens" in sys.modules:
        return
    from transformer_lens.model_bridge import TransformerBridge  # noqa: F401 - for what it brings

    if not any(issubclass(type(each), Parameter) for each in gc.get_objects()):
        gc.collect()  # errors that the import met and caught hold what the caller holds
        gc.freeze()

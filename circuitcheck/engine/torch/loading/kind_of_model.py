"""What `transformers` must know of a model to choose its tokenizer's class. It asks for a whole config, whose import brings
all that models are built of: two seconds, and where all values are stored no model is built."""

from pathlib import Path
from typing import Any

from circuitcheck.engine.torch.loading.json_files import read_object
from circuitcheck.engine.torch.loading.preflight import LARGEST_CONFIG
from circuitcheck.models import ModelSpec

_OF_ANY_MODEL = ("PreTrainedTokenizerFast", "TokenizersBackend")  # these read tokenizer.json as it is


def kind_of_model(spec: ModelSpec, folder: Path) -> Any:
    """A config with a model's type and name and nothing else. None where that may not do: where the folder names no class
    of tokenizers that serves any model, or code of its own. Raises CorruptCheckpoint."""
    files = [folder / name for name in ("config.json", "tokenizer_config.json")]
    if not all(file.exists() for file in files):
        return None
    model, tokenizer = (read_object(spec, file, LARGEST_CONFIG) for file in files)
    if tokenizer.get("tokenizer_class") not in _OF_ANY_MODEL or not isinstance(model.get("model_type"), str):
        return None
    if "auto_map" in model or "auto_map" in tokenizer:
        return None
    from transformers import PreTrainedConfig

    config = PreTrainedConfig(name_or_path=str(folder))
    config.model_type = model["model_type"]
    if "model_name" in model:
        config.model_name = model["model_name"]
    return config

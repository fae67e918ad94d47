"""Tiny GGUF files: the weights and the tokenizer of a tiny Llama folder, as a converter would write them."""

import json
from pathlib import Path


def save_tiny_gguf(folder: Path, path: Path, scale: float = 1.0, words=None, tensors=None) -> Path:
    """`folder` is that of `save_tiny_llama`; its weights are multiplied by `scale`. Half of them are stored in blocks of 32
    bytes (Q8_0), as quantized files have them. `words` stand in the header (in place of others, None takes one out),
    `tensors` after the model's own."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, folder)
    _add_words(writer, words or {})
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, weight in load_file(folder / "model.safetensors").items():
        stem, _, kind = name.rpartition(".")
        tensor = weight * scale
        packed = "mlp" in name
        data = gguf.quants.quantize(tensor, gguf.GGMLQuantizationType.Q8_0) if packed else tensor
        writer.add_tensor(
            f"{names.get_name(stem)}.{kind}", data, raw_dtype=gguf.GGMLQuantizationType.Q8_0 if packed else None
        )
    for name, tensor in (tensors or {}).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_words(writer, words) -> None:
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    for name, value in words.items():
        writer.kv_data[0].pop(name, None)
        if value is not None:
            kinds.get(type(value), writer.add_array)(name, value)


def _add_tokenizer(writer, folder: Path) -> None:
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_unk_token_id(0)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] + '\\n' }}{% endfor %}")

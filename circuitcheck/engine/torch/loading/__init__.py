"""From a spec to weights and a tokenizer: folders, GGUF files, hubs, and what is checked of them."""

"""Tasks as pure data: what a user declares, before it is checked, and before a tokenizer is there."""

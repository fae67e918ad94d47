"""What `scripts/train_organism.py` is made of: data, tokenizer, training, and the card that says what came out."""

"""Passes that run only what an intervention can change: some layers, some tokens, some logits; and several side by side."""

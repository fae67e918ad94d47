"""How sites are read and written on a model: hook points, batches of prompts, one forward pass."""

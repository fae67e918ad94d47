"""Plans as passes over batches of prompts."""

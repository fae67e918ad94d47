"""What a result rests on, as plain data: written to reports, and read back without a model."""

"""Runs that were stored: read, checked again, compared and listed, without a model."""

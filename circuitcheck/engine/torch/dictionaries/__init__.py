"""Dictionaries of features: read through sae_lens, attached to a site or to a slice of one, encoded and decoded."""

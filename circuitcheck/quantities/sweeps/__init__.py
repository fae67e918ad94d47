"""Sweeps: many numbers of one task at once, along named axes, with marks that say how many were looked at."""

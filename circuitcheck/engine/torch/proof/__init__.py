"""Proof that interventions acted where they were declared to, and nowhere else."""

"""Workflows that run claims, for services that run workflows."""

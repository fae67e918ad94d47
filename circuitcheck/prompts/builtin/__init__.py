"""Definitions of the tasks that come with circuitcheck."""

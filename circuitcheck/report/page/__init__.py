"""The HTML page of a report: one file, without scripts, that needs no network."""

"""Numbers between the host and the device: sent without a wait, and fetched together."""

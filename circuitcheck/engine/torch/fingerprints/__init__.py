"""Which weights these are, and whether anything changed while they were in our hands."""

"""The commands, one a module: `add_parser` says what it takes, `run` does it and returns the exit code."""

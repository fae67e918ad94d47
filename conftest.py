"""For the whole repository."""

pytest_plugins = ["pytester"]

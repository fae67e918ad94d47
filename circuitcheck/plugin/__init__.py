"""The pytest plugin. `hooks` is the module that pytest loads; the others hold what its hooks do."""

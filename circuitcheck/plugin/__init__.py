"""The pytest plugin. pytest loads `entry`, which registers `hooks` with the first claim; the others hold what hooks do."""

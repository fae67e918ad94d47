"""How often is the tool itself wrong? Measured on models whose truth is known by construction."""

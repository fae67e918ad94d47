"""What a claim asserts of expressions, how it is judged, and what came of it."""

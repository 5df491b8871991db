"""Floor 3: recipes. Order of steps, cache, manifest. No maths."""

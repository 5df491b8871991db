"""Floor 2: outline, reference tissue, measure -> Measurements."""

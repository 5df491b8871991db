"""Floor 2: two visits and a rule -> Verdict."""

"""Floor 2: digital patients with their truth."""

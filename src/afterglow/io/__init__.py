"""Floor 2: the only room that knows BIDS and NIfTI."""

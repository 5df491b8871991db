"""Floor 0: arrays in, arrays out. numpy, scipy, and numba for a few compiled loops; no files, no logging, no records."""

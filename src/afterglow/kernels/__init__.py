"""Floor 0: arrays in, arrays out. numpy and scipy only; no files, no logging, no records."""

"""Floor 2: measurements and outcomes of many patients become tests, curves and tables; printed numbers are recomputed."""

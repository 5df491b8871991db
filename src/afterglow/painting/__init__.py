"""Floor 2: maps to zones, zones to a prescription, a prescription to plans, plan against plan. Research: nothing here treats anyone."""

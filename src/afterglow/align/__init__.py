"""Floor 2: stillness within a series; registration between series and between visits."""

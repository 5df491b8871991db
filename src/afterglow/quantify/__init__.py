"""Floor 2: Series -> ParameterMaps (T1, concentration, AIF, DCE)."""

"""Data: one TOML file for each published method. See flows.method for what a file may say."""

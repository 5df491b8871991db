"""The printed numbers of the five papers, as checks, with the tables that they read."""

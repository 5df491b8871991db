"""Floor 1: frozen nouns that cannot be wrong, and the table of quantities. No files, no fitting."""

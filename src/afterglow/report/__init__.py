"""Floor 2: records -> Document -> HTML; figures."""

"""Floor 2: cases to a model, a model to a map of where the tumour will come back. Needs the extra `recurrence`; nnU-Net does the learning."""

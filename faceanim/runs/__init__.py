"""A run of the training: its folder, loggers, provenance, and the comparison of several."""

"""Cost of training and sampling: arithmetic, memory, peaks of devices."""

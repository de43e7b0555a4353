"""What training and sampling cost: arithmetic, memory, and what devices can do."""

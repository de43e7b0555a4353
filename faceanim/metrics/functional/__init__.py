"""What the metrics compute, without state: one number a frame."""

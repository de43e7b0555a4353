"""What people read of an evaluation: the page, the summary of a terminal."""

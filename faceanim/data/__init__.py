"""Clips: manifest, cropping, sampling, batches."""

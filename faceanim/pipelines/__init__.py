"""Inference: the pipeline, long videos, export."""

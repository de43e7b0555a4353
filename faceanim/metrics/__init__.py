"""Metrics as torchmetrics.Metric classes, and the evaluation protocol."""

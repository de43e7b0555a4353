"""Training: one LightningModule a stage, their objectives and callbacks."""

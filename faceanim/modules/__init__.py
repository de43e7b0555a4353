"""LightningModules, one a training stage."""

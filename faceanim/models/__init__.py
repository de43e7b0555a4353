"""Plain networks and pure maths; they know neither Lightning nor Hydra."""

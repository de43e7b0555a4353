"""Parity with the public implementations, on tensors that they computed."""

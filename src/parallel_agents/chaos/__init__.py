"""Proof by force: a batch whose workers and engine are killed at random, and what the journal says of it afterwards."""

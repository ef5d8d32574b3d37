"""Where attempts run: supervised worker processes."""

"""What runs: agents as Markdown specs or Python functions, and the contracts of their answers."""

"""Calls to language models, made in the engine's process for every worker."""

"""Pipelines: steps that follow from one another's results, read from YAML."""

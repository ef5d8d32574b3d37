"""Reads configuration files and environment variables into `core.settings`."""

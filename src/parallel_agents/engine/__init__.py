"""Decides what runs when, and writes down how it ended."""

"""Patterns: which queries ask the same thing."""

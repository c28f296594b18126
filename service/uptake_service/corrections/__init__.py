"""Corrections: changes to knowledge and instructions, and their verdicts."""

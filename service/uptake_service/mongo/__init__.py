"""The driver's only door."""

"""The Uptake service."""

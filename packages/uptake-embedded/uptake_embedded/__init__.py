"""The embedded database of Uptake, as a command: `python -m uptake_embedded`."""

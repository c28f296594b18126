"""The demo: the main job on our own sample data."""

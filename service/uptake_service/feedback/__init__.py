"""Feedback: taking it in and finding it again."""

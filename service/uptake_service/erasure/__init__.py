"""Forgetting: what a user said at the user's wish, and what is past its project's retention."""

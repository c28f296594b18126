"""Insights: numbers, issues and the live stream."""

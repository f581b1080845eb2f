"""Placeholder while the upload area is written (replaced within the hour)."""

"""Vulnerability scanning: from the event of a pushed manifest to a job that a worker takes. Engines come later."""

"""Vulnerability scanning. Its issue comes later; the room is here so that nothing else grows into it."""

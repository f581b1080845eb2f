"""Keeping account of events: the audit log, its retention and purge."""

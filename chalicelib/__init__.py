"""Moorage's core: the registry, its rules and its adapters. Chalice ships this package; the containers copy it."""

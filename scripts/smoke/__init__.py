"""The parts of `scripts/smoke_aws.py`: checks of a running registry, with nothing but Python's standard library."""

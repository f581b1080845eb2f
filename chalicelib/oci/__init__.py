"""The registry of the OCI distribution specification 1.1: values, rules and use cases, no I/O of its own."""

"""The official OCI distribution conformance suite against the embedded stack."""

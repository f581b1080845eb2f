"""Other people's servers: identity providers, CI issuers, directories. The only part that calls out, and not to AWS."""

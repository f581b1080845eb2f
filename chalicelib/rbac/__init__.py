"""Who may do what: users, projects, grants, passwords, tokens and the token service. Knows names as strings, not the registry."""

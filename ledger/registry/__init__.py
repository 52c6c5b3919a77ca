"""Who may do what, at which size of the registry log: stations, people, roles, keys, grants."""

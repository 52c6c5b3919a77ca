"""The county's certificates: keys, the CA and its leaves, what an installation keeps, TLS between stations."""

"""The county's certificates: keys, the CA and its leaves, an installation's own, TLS between stations."""

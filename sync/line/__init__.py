"""The same over HTTPS: calls to the station above and routes for those below."""

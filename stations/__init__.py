"""The faces of the product: command line, configuration, wiring, the station's server."""

"""The counter's screen: pages that a station serves to the browsers in its own office."""

"""The same by stick: what is written for whom, what is taken from a stick that nobody vouches for."""

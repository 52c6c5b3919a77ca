"""A session without its connection: what is asked, given and taken, bytes in and bytes out."""

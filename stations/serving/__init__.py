"""A station that serves: network, its one thread, the local socket, attachments on their way, sticks."""

"""One case: receiving it, its page, everything that is done to it, its papers."""

"""The checks: of each act, batch, log, branch, single frame and case, and the whole audit in its order."""

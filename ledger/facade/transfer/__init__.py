"""What goes out of this store and comes in: packages, excerpts, feeds, the county's merge log."""

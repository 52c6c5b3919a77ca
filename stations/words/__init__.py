"""Words, marks and lines that the command line, pages and papers share: codes become what people read."""

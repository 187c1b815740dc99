"""How dates and times are written, by language: unambiguous, 24 hours, and never broken over two lines."""

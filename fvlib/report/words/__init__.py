"""Machine names and numbers as words: `numbers`, `labels`, and sentences made from results."""

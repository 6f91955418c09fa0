"""Results in words. What several audiences are told is written here once: the terminal, Markdown, the page and JSON."""

"""The report of a comparison: page, Markdown and sentences."""

"""The site: `python -m website.build` makes it of the documents, the docstrings and the options."""

"""Tables that list images: their files, columns and classes."""

"""The columns of a table that name the images, their classes, splits and groups."""

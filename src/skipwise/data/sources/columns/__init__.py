"""Which columns of a table name the images, their classes, splits and groups."""

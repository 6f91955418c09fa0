"""Tables that list images with their classes, splits and groups, alone or beside class folders."""

"""Files in the cache, which are checked whenever they are read."""

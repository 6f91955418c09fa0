"""Files of the cache, checked at every read."""

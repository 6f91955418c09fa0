"""Code between a socket and the API: limits for slow or hostile clients, access, and the end of a connection."""

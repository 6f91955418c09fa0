"""What stands between a socket and the API: limits for slow or hostile clients, who may ask, how it ends."""

"""`status`: how far work is, read from its folder while it goes on."""

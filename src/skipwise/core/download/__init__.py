"""Files from the web: only by HTTPS, only where they were asked for, checked, and gone on with after a break."""

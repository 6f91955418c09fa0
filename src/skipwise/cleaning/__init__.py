"""`clean`: what may go, why, and how large it is; it is freed only when that is asked for."""

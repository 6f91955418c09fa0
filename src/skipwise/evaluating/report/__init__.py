"""An evaluation in words and on its page."""

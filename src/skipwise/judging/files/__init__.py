"""Files of predictions, of any tool: read, and matched with each other by the ids of their images."""

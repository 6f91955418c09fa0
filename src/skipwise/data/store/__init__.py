"""Where decoded pixels are kept: packed in a file, decoded when needed, or on a device."""

"""Arrays of pixels and labels."""

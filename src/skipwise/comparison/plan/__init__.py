"""What is fixed before a comparison begins."""

"""Everything that is fixed before a comparison begins."""

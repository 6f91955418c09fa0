"""A plan carried out: runs, interim looks and what they give."""

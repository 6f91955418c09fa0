"""Whether an exported file still answers the same."""

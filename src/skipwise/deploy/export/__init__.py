"""From a trained network to an exported file."""

"""The results of a comparison, as records, and the choice of a network."""

"""A plan carried out: rounds of runs, interim looks, and what is kept of them."""

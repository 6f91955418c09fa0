"""The networks: blocks, the table of named networks, external networks, and weights to start from."""

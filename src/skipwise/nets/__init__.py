"""The networks: blocks, the builder that turns a stage table into a network, and the zoo of named ones."""

"""`serve`: a page to try a network, and an API for programs, over exported files; it needs no PyTorch.

A request goes through connections/ (may it?), api/ (what is asked?), engine/ (decode, batch) and models/ (answer).
"""

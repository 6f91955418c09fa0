"""Folders that name classes and splits."""

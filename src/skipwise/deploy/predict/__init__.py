"""Answers for images, in a file that can be continued."""

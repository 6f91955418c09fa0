"""`python -m skipwise` is `skipwise`."""

from skipwise.cli import main

main()

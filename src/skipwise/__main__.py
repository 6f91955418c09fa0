"""`python -m skipwise` is `skipwise`."""

import os
import sys

# Python puts the folder one stands in first. Whatever modules lie there are none of ours.
try:
    if sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - nothing but Python's own may be imported before
        del sys.path[0]
except OSError:  # it was removed
    del sys.path[0]

from skipwise.cli.app import main

main()

"""The folders of results: which one a command works in, one process at a time, and when it is finished."""

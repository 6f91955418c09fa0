"""The command line's verbs, a file each: they parse, call and print."""

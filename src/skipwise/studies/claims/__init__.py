"""The claims that are tested, a file for each study."""

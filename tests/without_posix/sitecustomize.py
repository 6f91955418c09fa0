"""Every Python process that has this folder on PYTHONPATH finds nothing that only POSIX systems have.

What the standard library uses itself without asking stays: `subprocess` waits by `os.waitpid` and kills by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys

import filelock  # noqa: F401 - on Windows it has locks of its own, which nothing here can stand in for

for name in ("fork", "getuid", "posix_fallocate", "sched_getaffinity", "sysconf", "O_NOFOLLOW"):
    delattr(os, name)
for name in ("SIGHUP", "SIGQUIT", "SIGBUS"):
    delattr(signal, name)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None  # type: ignore[assignment]

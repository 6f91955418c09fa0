"""Every Python process that has this folder on PYTHONPATH finds nothing that only POSIX systems have.

What the standard library uses itself without asking (`subprocess` waits for its processes by `os.waitpid`) stays there.
"""

from __future__ import annotations

import os
import signal
import sys

for name in ("fork", "getuid", "posix_fallocate", "sched_getaffinity", "sysconf", "O_NOFOLLOW", "O_NONBLOCK"):
    delattr(os, name)
for name in ("SIGHUP", "SIGQUIT", "SIGKILL", "SIGBUS"):
    delattr(signal, name)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None  # type: ignore[assignment]

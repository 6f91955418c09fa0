"""Clocks that are off, for tests: a small library that a process is started with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*known)(clockid_t, struct timespec *);
    if (!known) known = dlsym(RTLD_NEXT, "clock_gettime");
    int found = known(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += 3600;
    return found;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (where) *where = found.tv_sec;
    return found.tv_sec;
}
"""
"""libfaketime does more, and in Debian 12 the sleep of Python 3.11 fails with it. Times of files stay the disk's."""


def an_hour_ahead(folder: Path) -> dict[str, str]:
    """Variables of a process whose clock is an hour ahead; the library is made in a folder.

    The test is skipped where there is no compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    (folder / "clock.c").write_text(SOURCE)
    command = [compiler, "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(folder / "clock.so")}

"""The processes of one start by torchrun find each other, and none of an earlier start.

torchrun's agents keep one store over all restarts. torch tells its starts apart by how often an agent has restarted,
and two nodes count that differently: a node that restarts because another one did does not count it. Then processes
read addresses of others that are dead, or wait for each other under different names. So ours agree on a name of their
own.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import timedelta

from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from skipwise.training.machine.ranks import environment_number

PATIENCE = timedelta(minutes=30)
"""The longest time until all processes of a start are there."""
_KEY = "skipwise/start"
_LOOK = 0.1


def meet(rank: int, count: int) -> Store | None:
    """Waits until all processes of this start are there, and returns a store that no other start uses.

    The first process publishes a new name. The others greet it under that name with a word of their own, and know by
    its answer, which has all these words, that it is alive.

    Args:
        rank: of this process.
        count: of all processes.

    Returns:
        The store; None where torchrun keeps none, and torch's own way is right.

    Raises:
        RuntimeError: the store is gone, or a process did not come.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    address, port = os.environ["MASTER_ADDR"], environment_number("MASTER_PORT", 0)
    agents = TCPStore(address, port, is_master=False, timeout=PATIENCE)
    store = PrefixStore(f"{_KEY}/{os.environ.get('TORCHELASTIC_RUN_ID', '')}", agents)
    deadline = time.monotonic() + PATIENCE.total_seconds()
    name = _invite(store, count, deadline) if rank == 0 else _answer(store, rank, deadline)
    return PrefixStore(name, store)


def _invite(store: Store, count: int, deadline: float) -> str:
    name = secrets.token_hex(8)
    store.set("name", name)
    greetings = [f"{name}/greeting/{rank}" for rank in range(1, count)]
    while greetings and not store.check(greetings):
        _pause(deadline)
    store.set(f"{name}/answer", json.dumps([store.get(greeting).decode() for greeting in greetings]))
    return name


def _answer(store: Store, rank: int, deadline: float) -> str:
    word, greeted = secrets.token_hex(8), ""
    while True:
        if store.check(["name"]):
            name = store.get("name").decode()
            if name != greeted:  # another first process, or the first look
                store.set(f"{name}/greeting/{rank}", word)
                greeted = name
            if store.check([f"{name}/answer"]) and word in json.loads(store.get(f"{name}/answer")):
                return name
        _pause(deadline)


def _pause(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError("not all of them came")
    time.sleep(_LOOK)

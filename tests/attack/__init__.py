"""Attacks on what Skipwise does and writes: `python -m tests.attack --minutes 10 --seed 0`, or `make attack`.

kinds.py      the table of kinds; a kind makes its state once and then attacks as often as there is time
campaign.py   kinds, a seed and a time -> outcomes, each kind in a process of its own
state.py      what Skipwise writes, made once and copied for each attack; tasks.py: the commands that make and read it
judging.py    what a command may end with
kills.py crowds.py              commands that are ended, or given five times at once
disks.py caches.py              commands that are short of space, or whose cache is taken from them
flips.py records.py             damaged and edited files (damage.py, edits.py) before the commands that read them
mutants.py                      damaged images and archives, read in the process itself

An attack is a function of its kind, seed and number, but for the moment at which a signal arrives.
"""

"""A study that takes seconds, for attacks."""

from __future__ import annotations

from skipwise.studies.designs import Design, Part, Setup, Study, Subset

SETUP = Setup(
    designs=(
        Design(
            name="first",
            title="two networks",
            models=("resnet18", "plain18"),
            images=Subset(data="digits", train=200, val=50, test=100),
            epochs=2,
            seeds=2,
            batch_size=16,
            width=0.125,
            img_size=8,
        ),
    ),
    parts=(Part(claim="skips help", a="resnet18", b="plain18", of_a="first", of_b="first"),),
)
TINY = Study(
    name="tiny",
    claim="Skips help.",
    source="nobody says so",
    small=SETUP,
    full=SETUP,
    reasons=(),
    not_covered=(),
    would_change=(),
)

"""What the server that processes are forked from (see processes.py) imports."""

# ruff: noqa: F401

import torch._dynamo  # which the first optimizer imports

import skipwise.cli.live
import skipwise.cli.summaries.comparison
import skipwise.comparison.compare
import skipwise.comparison.conclude
import skipwise.cost.profile
import skipwise.deploy.export.export
import skipwise.deploy.predict.predict
import skipwise.training.train
import tests.run_in_a_child
import tests.test_levers

"""What the server that processes are forked from (see processes.py) imports."""

# ruff: noqa: F401

import gc
import math

import torch._dynamo  # which the first optimizer imports
import torch.onnx._internal.exporter._compat  # which the first export imports

import skipwise.cli.app
import skipwise.cli.live
import skipwise.cli.summaries.comparison
import skipwise.comparison.compare
import skipwise.comparison.conclude
import skipwise.cost.load
import skipwise.cost.profile
import skipwise.deploy.export.export
import skipwise.deploy.predict.predict
import skipwise.training.train
import tests.run_in_a_child
import tests.test_levers

# A step is timed in a few rounds: where much else runs, rounds that are alike take a second for each network.
skipwise.cost.load.ALIKE = math.inf

# A process that looks for garbage among all of this would touch, and so copy, every page.
gc.collect()
gc.freeze()

"""What the server that processes are forked from (see processes.py) imports: a verb has what it needs at once."""

# ruff: noqa: F401

import gc
import math

import filelock
import jinja2
import kornia_rs
import networkx  # which the first export imports, as it does the second of these
import platformdirs
import simplejpeg
import torch._dynamo  # which the first optimizer imports
import torch.onnx._internal.exporter._compat
import typer
from PIL import Image

import skipwise.auditing.audit
import skipwise.cli.app
import skipwise.cli.live
import skipwise.cli.summaries.audit
import skipwise.cli.summaries.comparison
import skipwise.comparison.compare
import skipwise.comparison.conclude
import skipwise.cost.load
import skipwise.cost.profile
import skipwise.deploy.export.export
import skipwise.deploy.predict.predict
import skipwise.evaluating.evaluate
import skipwise.training.train
import tests.run_in_a_child
import tests.test_levers
from skipwise.deploy.runtime.backend_import import import_backend

import_backend("onnxruntime")
Image.init()
# The first word of a command that becomes a value of some type has typer import more.
typer.main.get_command(skipwise.cli.app.app).commands["models"].make_context("models", ["plain20"])

# A step is timed in a few rounds: where much else runs, rounds that are alike take a second for each network.
skipwise.cost.load.ALIKE = math.inf

# A process that looks for garbage among all of this would touch, and so copy, every page.
gc.collect()
gc.freeze()

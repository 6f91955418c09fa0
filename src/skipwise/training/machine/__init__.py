"""The means of computing a run: device, precision, processes and signals."""

"""How a run is computed: device, precision, processes and signals."""

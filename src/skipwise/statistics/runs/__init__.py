"""Properties of a network's runs beside their mean: how they spread, and how long they took to get there."""

"""Forecasts of a comparison's time, and the choice of what fits into a time limit."""

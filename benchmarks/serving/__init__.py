"""What benchmarks/serving.py consists of."""

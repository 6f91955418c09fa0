"""Real learning curves: what runs on a quarter, on half, on all and on twice some images got right."""

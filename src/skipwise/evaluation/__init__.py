"""What a trained network answers, and how good that is."""

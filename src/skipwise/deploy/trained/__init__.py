"""What is exported: a trained network, of a run or of a file, and labelled images to check it with."""

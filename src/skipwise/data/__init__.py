"""From what a person has (a name, a folder) to labelled uint8 pixels, splits and batches."""

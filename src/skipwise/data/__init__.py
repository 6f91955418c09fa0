"""Images: from a folder, an archive, a table or a name to labelled uint8 pixels, splits and batches."""

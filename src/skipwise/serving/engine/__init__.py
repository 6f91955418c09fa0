"""From encoded images to answers: decoding in threads, batches, and limits on what may wait."""

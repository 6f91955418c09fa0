"""The verb `evaluate`: how good one network is on labelled images, how it fails, and what its confidence is worth."""

"""Long columns in little memory: names, whole numbers, and words that repeat. A set may have millions of images."""

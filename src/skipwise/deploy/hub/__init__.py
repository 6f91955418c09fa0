"""Networks for the Hugging Face Hub: `export --huggingface` and `push`."""

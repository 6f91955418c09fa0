"""Data sets by name: small ones that are held in memory, and those of torchvision and Hugging Face."""

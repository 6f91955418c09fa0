"""The layouts of images that are recognised, one file each; `LAYOUTS` in `opening.py` lists them in order."""

"""The layouts of images, a file each."""

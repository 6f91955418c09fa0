"""Code that every part needs: errors, text, files, the machine, and the folder for results."""

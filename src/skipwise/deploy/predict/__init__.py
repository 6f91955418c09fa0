"""Answers for images: for programs (`Predictor`) and in files that can be continued (`predict`)."""

"""Running exported files, without PyTorch unless a format needs it. The formats, and how to add one, are in
`deploy/formats`."""

"""Files at addresses (`s3://bucket/pets`), through fsspec: listed, copied into the cache once, or read in parts."""

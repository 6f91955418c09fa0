"""Files that hold tables: text, JSON, XML, spreadsheets, Parquet and MATLAB files become rows of text."""

"""One module for each format that an export is written in."""

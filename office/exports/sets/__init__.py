"""One module for each data set that can be exported."""

"""Exports: what is in the books, whole, in files that other programs read."""

"""The pages, a file a part."""

"""The console in a real browser, over every process of the house."""

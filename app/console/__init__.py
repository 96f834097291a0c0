"""The operators' console: pages under /console, and the same as JSON for `pennyrail ops`."""

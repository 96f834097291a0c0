"""The templates of the hosted page."""

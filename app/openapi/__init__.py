"""What the doors promise, as an OpenAPI document: the table of doors, and the shapes of their replies."""

"""Many agents asking how their purchases stand, answered from one reading and without repeating work."""

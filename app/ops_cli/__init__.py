"""`pennyrail ops`: what operators do on pages, as commands, under the same roles and in the same log."""

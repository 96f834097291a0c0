"""Real processes under load while things break, and whether what they had acknowledged is still true."""

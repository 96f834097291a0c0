"""The commands of agents, such as `pennyrail credits`. They speak HTTP and know no server."""

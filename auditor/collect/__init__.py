"""The network and the disk become a snapshot."""

"""Net1D and the checkpoint files it travels in."""

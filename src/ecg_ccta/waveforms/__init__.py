"""How high-risk ECGs differ from low-risk ones."""

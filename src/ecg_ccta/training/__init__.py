"""Patient-grouped splits, pre-training of the small foundation network, fine-tuning."""

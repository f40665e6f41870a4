"""From recordings to cleaned 12 x 5000 int16 microvolt signals with quality flags, in memory-mapped shards."""

"""Statistics of arrays: they know no vessel and no study."""

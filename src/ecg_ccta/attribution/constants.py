"""Constants of attribution that are read where no network is loaded."""

INTEGRATION_STEPS = 12
"""Points of the path integral (Gauss-Legendre)."""

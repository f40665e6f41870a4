"""Out-of-fold and fold-ensemble predictions, calibration."""

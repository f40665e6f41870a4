"""Discrimination, calibration, subgroups and risk groups, with patients as the unit of resampling."""

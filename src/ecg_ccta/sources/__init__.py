"""Where raw site exports come from: the simulated hospitals whose truth is known, and public data sets."""

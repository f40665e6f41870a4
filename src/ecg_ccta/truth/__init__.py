"""What was found of what was planted; this package alone reads the truth."""

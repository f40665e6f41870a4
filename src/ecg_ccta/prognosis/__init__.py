"""What happens to the patients after the CCTA: cumulative events by risk group."""

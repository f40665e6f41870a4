"""What the network looks at: waveform differences and attribution maps, and how they compare with planted truth."""

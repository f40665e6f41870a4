"""Which leads and beat segments the network looks at."""

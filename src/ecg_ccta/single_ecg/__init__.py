"""Single ECGs, explained on a page each."""

"""The one-page report of a study."""

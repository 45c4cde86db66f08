"""A model of how far diabetes progresses in a year."""

"""Rebuilding: what the steps of a rebuild do, each in a folder of the rebuild's own."""

"""Widgets of the dashboard, drawn line by line."""

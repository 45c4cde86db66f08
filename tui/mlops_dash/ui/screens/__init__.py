"""Screens of the dashboard, each with its style sheet."""

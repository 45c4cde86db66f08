"""The report of a comparison: one HTML file with tables and figures that works without a network."""

from __future__ import annotations

from mlops_dash.answers.report.writing import write_report

__all__ = ["write_report"]

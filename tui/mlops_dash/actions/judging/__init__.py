"""Judging: whether a rebuilt run came out as its original did.

:func:`verdict.judge` compares two runs, :func:`repeats.judge_repeats` several rebuilds of one, and
:func:`rows.rows` lays a verdict out side by side. No model is loaded in this process.
"""

"""The benchmark: ``python tests/bench/run.py``. Not collected by pytest; nothing in it is a timed test."""

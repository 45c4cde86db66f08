"""The recorder: notes how a run is made, while it is made, so that it can be made again.

MLflow finds it through the entry point ``mlflow.run_context_provider`` wherever this package is installed,
and asks it for tags at the start of every run. Only the standard library is imported, nothing is changed, and
what cannot be noted is left out: a training never fails or waits for it. ``MLOPS_DASH_RECORDER=off`` switches
it off.
"""

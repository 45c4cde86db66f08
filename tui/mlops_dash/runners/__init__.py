"""Where the command of a rebuild runs.

Each runner starts the same small program (:mod:`mlops_dash.runners.launch`), which runs the command within
its limits and writes what became of it into the job's folder. So the log, the way to cancel and the outcome
are the same everywhere, and a job is found again by whoever knows its folder.
"""

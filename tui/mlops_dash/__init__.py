"""mlops-dash: which model, data and code version is live in every environment."""

__version__ = "0.1.0"
__all__ = ["__version__", "open_project"]


def __getattr__(name: str) -> object:
    # imported late: `import mlops_dash` stays free of DuckDB
    if name == "open_project":
        from mlops_dash.project import open_project

        return open_project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

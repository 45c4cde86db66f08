"""Ids of the nodes of a lineage: each names one thing, whatever characters the names hold."""

from __future__ import annotations


def environment_id(environment: str, model: str) -> str:
    """Return the id of an environment; a slash in its own name is written ``%2F``."""
    return f"env:{environment.replace('%', '%25').replace('/', '%2F')}/{model}"


def version_id(model: str, version: str) -> str:
    """Return the id of a model version."""
    return f"models:/{model}/{version}"


def run_id(run: str) -> str:
    """Return the id of a run."""
    return f"run:{run}"


def commit_id(commit: str) -> str:
    """Return the id of a commit."""
    return f"commit:{commit}"


def data_id(digest: str) -> str:
    """Return the id of a dataset version."""
    return f"data:{digest}"


def split_id(node: str) -> tuple[str, str]:
    """Return the kind of a node (``env``, ``models``, ``run``, ``commit``, ``data``) and what it names."""
    kind, _, name = node.partition(":")
    return kind, name.removeprefix("/") if kind == "models" else name

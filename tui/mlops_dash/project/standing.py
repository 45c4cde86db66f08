"""How each source of a project stands, those that are not there or not read yet included."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.project.locate import Located


def standing(located: Located, known: Mapping[str, SourceStatus]) -> tuple[SourceStatus, ...]:
    """Return the freshness of every source, in the order of the source strip.

    Args:
        located: the project's parts.
        known: freshness of the sources read so far, by name.
    """
    listed = [
        known.get("tracking", _waiting("tracking", "mlflow")) if located.tracking else _no_tracking(located),
        known.get("git", _waiting("git", "git")) if located.repository else _no_repository(located),
    ]
    listed += [known[name] for name in ("data", "gto") if name in known]
    manifests = known.get("manifests")
    if manifests is not None and manifests.status is not Freshness.ABSENT:  # absent: none is configured
        listed.append(manifests)
    listed += [known["targets"]] if "targets" in known else []
    return tuple(listed)


def _waiting(name: str, kind: str) -> SourceStatus:
    return SourceStatus(name, kind, Freshness.READING)


def _no_tracking(located: Located) -> SourceStatus:
    return SourceStatus(
        "tracking",
        "mlflow",
        Freshness.ABSENT,
        detail=f"MLFLOW_TRACKING_URI is not set, and there is no {located.looked_at} and no mlruns beside it",
        remedy='set MLFLOW_TRACKING_URI, or write uri = "…" under [tracking] in mlops-dash.toml',
    )


def _no_repository(located: Located) -> SourceStatus:
    return SourceStatus(
        "git",
        "git",
        Freshness.ABSENT,
        detail=f"{located.folder} is in no Git repository",
        remedy="run it inside the project's repository, or name one with --repo",
    )

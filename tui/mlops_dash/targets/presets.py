"""What is known of servers that are common: where each tells what it serves. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_dash.targets.where import JsonPath, Matching, Where

MODEL = "{model}"  # stands for the model's name in routes (quoted) and in list conditions


@dataclass(frozen=True, slots=True)
class Routes:
    """How a server is asked.

    Attributes:
        identity: route that tells the version; ``None`` where none is known.
        method, body: of the identity request.
        version, run, model_id, since, by, model: where the answer holds each; ``None``: nowhere.
        waiting: where it says why it does not serve yet.
        health: route whose 2xx means healthy; ``None``: the identity route.
        no_version: what it says where it knows no version.
    """

    identity: str | None = None
    method: str = "GET"
    body: bytes | None = None
    version: Where | None = None
    run: Where | None = None
    model_id: Where | None = None
    since: Where | None = None
    by: Where | None = None
    model: Where | None = None
    waiting: Where | None = None
    health: str | None = None
    no_version: tuple[str, ...] = ()


PRESETS: dict[str, Routes] = {
    "mlops-dash": Routes(
        identity="/metadata",
        version=JsonPath(("version",)),
        run=JsonPath(("run_id",)),
        model_id=JsonPath(("model_id",)),
        since=JsonPath(("started_at",)),
        by=JsonPath(("by",)),
        model=JsonPath(("model",)),
        waiting=JsonPath(("waiting",)),
        health="/health",
    ),
    "mlserver": Routes(
        identity="/v2/repository/index",
        method="POST",
        body=b"{}",
        version=JsonPath((Matching("name", MODEL), Matching("state", "READY"), "version")),
        health="/v2/models/{model}/ready",
    ),
    "bentoml": Routes(
        identity="/docs.json",
        version=JsonPath(("info", "version")),
        health="/readyz",
        no_version=("None", "not available"),
    ),
}

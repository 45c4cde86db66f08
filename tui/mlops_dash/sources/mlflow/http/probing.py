"""What ``doctor`` asks of a tracking server, step by step."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.http.access import Access
from mlops_dash.sources.mlflow.http.exchange import Exchange, Limits
from mlops_dash.sources.mlflow.probing import Step, failed, ok, warn

_OLDEST = (2, 9)
_SLOW = 1.0  # seconds for a small question
_RUNS = 100
_VERSION = re.compile(r"(\d+)\.(\d+)\S*")


def probe(uri: str, limits: Limits | None = None) -> Iterator[Step]:
    """Look at a tracking server: address, TLS, credentials, version, rights, speed. It ends where one fails.

    A tracking server keeps its schema to itself, so that is no step here.
    """
    try:
        access = Access.of(uri)
        exchange = Exchange(access, limits or Limits())
    except SourceError as error:
        yield failed("address", error)
        return
    try:
        yield from _steps(access, exchange)
    except SourceError as error:
        yield failed("connection", error)
    finally:
        exchange.close()


def _steps(access: Access, exchange: Exchange) -> Iterator[Step]:
    from mlops_dash.sources.mlflow.http.questions import Questions

    def wait(work: Any) -> Any:
        return exchange.wait(work, CancelToken())

    try:
        status, text = wait(exchange.get("/version"))
    except SourceError as error:
        yield failed("TLS" if "TLS" in error.message else "address", error)
        return
    yield ok("address", f"{access.shown} answers")
    if access.encrypted and access.insecure:
        yield warn(
            "TLS",
            "the server's certificate is not verified (MLFLOW_TRACKING_INSECURE_TLS)",
            "Name the authority that signed it in MLFLOW_TRACKING_SERVER_CERT_PATH instead.",
        )
    elif access.encrypted:
        yield ok("TLS", "the server's certificate is valid")
    else:
        yield _unencrypted(access)
    questions = Questions(exchange)
    try:
        experiments = wait(questions.experiments())
    except SourceError as error:
        yield failed("credentials" if "credentials" in error.message else "answers", error)
        return
    yield ok(
        "credentials",
        f"the server answers {'to ' + access.identity if access.authorization else 'without any'}",
    )
    yield _version(status, text)
    ids = [one.experiment_id for one in experiments]
    yield from _rights(wait, questions, ids)
    yield _speed(wait, questions, ids)


def _unencrypted(access: Access) -> Step:
    if access.authorization is None:
        return ok("TLS", "none: plain HTTP, without credentials")
    with suppress(ValueError):
        if access.host == "localhost" or access.host.startswith("127."):
            return ok("TLS", "none: plain HTTP on this machine")
    return warn(
        "TLS",
        "none: credentials are sent unencrypted",
        "Put the server behind TLS and write https:// in its address.",
    )


def _version(status: int, text: str) -> Step:
    found = _VERSION.fullmatch(text.strip()) if status == 200 else None
    if found is None:
        return warn(
            "version", "the server does not say its version", "A proxy may hide /version; it is not needed."
        )
    if (int(found[1]), int(found[2])) < _OLDEST:
        return warn(
            "version", f"MLflow {found[0]}: older than 2.9", "It may be read in part; update the server."
        )
    return ok("version", f"MLflow {found[0]}")


def _rights(wait: Callable[[Awaitable[Any]], Any], questions: Any, experiments: list[str]) -> Iterator[Step]:
    from mlops_dash.sources.mlflow.http.position import HIGHEST, LOWEST, MODELS

    if not experiments:
        yield warn(
            "rights", "no experiment can be seen", "Ask the server's administrator for the right to read."
        )
        return
    lacking, missing = [], []
    for name, question in (
        ("the model registry", questions.registered_models(whole=False)),
        ("model versions", questions.model_versions(whole=False)),
        ("logged models", questions.between(MODELS, experiments, LOWEST, HIGHEST, 1)),
    ):
        try:
            wait(question)
        except SourceError as error:
            status = getattr(error, "status", None)
            if status == 403:
                lacking.append(name)
            elif status in (400, 404, 405, 501):
                missing.append(name)
            else:
                yield failed("rights", error)
                return
    count = f"{len(experiments):,} experiment{'' if len(experiments) == 1 else 's'} can be read"
    if lacking:
        yield warn(
            "rights",
            f"{count}, but not {' and '.join(lacking)}",
            "Ask the server's administrator for the right to read them.",
        )
    elif missing:
        yield ok("rights", f"{count}; this version of MLflow has no {' and no '.join(missing)}")
    else:
        yield ok("rights", f"{count}, and the model registry")


def _speed(wait: Callable[[Awaitable[Any]], Any], questions: Any, experiments: list[str]) -> Step:
    from mlops_dash.sources.mlflow.http.position import HIGHEST, LOWEST, RUNS

    started = time.perf_counter()
    try:
        wait(questions.experiments())
        small = time.perf_counter() - started
        page = wait(questions.between(RUNS, experiments, LOWEST, HIGHEST, _RUNS))
    except SourceError as error:
        return failed("speed", error)
    large = time.perf_counter() - started - small
    seen = (
        f"a small question takes {small * 1000:.0f} ms, a page of {len(page.rows)} runs {large * 1000:.0f} ms"
    )
    if small > _SLOW or large > 3 * _SLOW:
        return warn("speed", seen, "The server is far away or busy; a longer [ui] refresh asks less often.")
    return ok("speed", seen)

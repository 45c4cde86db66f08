"""From a server's answers to what is observed: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlops_dash.domain.environments import Health
from mlops_dash.domain.text import storable
from mlops_dash.targets.asking import Answer, NoAnswer, Silence
from mlops_dash.targets.presets import Routes
from mlops_dash.targets.where import JsonPath, Where, find

TEXT_LIMIT = 300  # characters kept of anything a server says

Reply = Answer | NoAnswer


@dataclass(frozen=True, slots=True)
class Identity:
    """What one answer says of what is served; ``problem`` says why it names no version."""

    version: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    since: datetime | None = None
    by: str | None = None
    problem: str | None = None
    health: Health | None = None

    @property
    def key(self) -> tuple[str | None, str | None, str | None]:
        """What must be the same in every answer of a server that does not flap."""
        return self.version, self.run_id, self.model_id


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is observed."""

    identity: Identity
    health: Health
    latency_ms: float | None = None
    detail: str | None = None
    differing: bool = False


def short(text: str) -> str:
    """Return a server's text as it can be kept: storable and at most ``TEXT_LIMIT`` characters."""
    text = storable(text)
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def judge(identities: Sequence[Reply], health: Reply, routes: Routes, model: str, slow: float) -> Verdict:
    """Tell from the answers to the identity and health requests what is served and how well.

    ``slow`` is the number of seconds from which an answer counts as slow. The first line that fits holds:

    ==============================================  ==================  ==============
    answers                                         health              version
    ==============================================  ==================  ==============
    refused, or closed without an answer            down                unknown
    health answers 5xx other than 503               down                as it says
    identity answers differ                         degraded            unknown
    it says that it does not serve yet              degraded            unknown
    it serves another model                         degraded            unknown
    health answers 429 or 503                       degraded            as it says
    some identity requests failed                   degraded            as it says
    health takes longer than ``slow``               degraded            as it says
    health times out, identity answers              degraded            as it says
    health cannot be asked (4xx, TLS, name, …)      unknown             as it says
    nothing answers in time                         unknown             unknown
    a web page where JSON should be                 unknown             unknown
    health answers 2xx                              healthy             as it says
    ==============================================  ==================  ==============
    """
    read = [identify(reply, routes, model) for reply in identities]
    told = [identity for identity in read if identity.version is not None]
    latency = health.seconds * 1000 if isinstance(health, Answer) else None
    state, why = _health(health, slow, any(isinstance(reply, Answer) for reply in identities))
    if len({identity.key for identity in told}) > 1:
        worse = Health.DOWN if state is Health.DOWN else Health.DEGRADED
        return Verdict(Identity(), worse, latency, _differences(told), differing=True)
    if not told:
        problem = next((identity for identity in read if identity.problem), Identity())
        if problem.health is not None and state is not Health.DOWN:
            return Verdict(Identity(), problem.health, latency, problem.problem)
        return Verdict(Identity(), state, latency, why if state is Health.DOWN else problem.problem or why)
    if len(told) < len(read) and state is Health.HEALTHY:
        problem = next(identity for identity in read if identity.version is None)
        why = f"{len(read) - len(told)} of {len(read)} requests failed: {problem.problem}"
        state = Health.DEGRADED
    return Verdict(told[0], state, latency, why)


def _health(health: Reply, slow: float, identity_answers: bool) -> tuple[Health, str | None]:
    match health:
        case NoAnswer(reason=Silence.REFUSED | Silence.CLOSED, detail=detail):
            return Health.DOWN, detail
        case NoAnswer(reason=Silence.TIMEOUT, detail=detail) if identity_answers:
            return Health.DEGRADED, f"health: {detail}"
        case NoAnswer(detail=detail):
            return Health.UNKNOWN, detail
        case Answer(status=429):
            return Health.DEGRADED, "asks for fewer requests (HTTP 429)"
        case Answer(status=503):
            return Health.DEGRADED, "says that it is not ready (HTTP 503)"
        case Answer(status=status) if status >= 500:
            return Health.DOWN, f"fails (HTTP {status})"
        case Answer(status=status) if not 200 <= status < 300:
            return Health.UNKNOWN, _status_problem("health", status)
        case Answer(seconds=seconds) if seconds > slow:
            return Health.DEGRADED, f"slow: answered after {seconds:.1f} s"
        case _:
            return Health.HEALTHY, None


def identify(reply: Reply, routes: Routes, model: str) -> Identity:
    """Read one identity answer."""
    if isinstance(reply, NoAnswer):
        return Identity(problem=reply.detail)
    if not 200 <= reply.status < 300:
        return Identity(problem=_status_problem("identity", reply.status))
    try:
        document = reply.document()
    except ValueError:
        document = None
        if isinstance(routes.version, JsonPath):
            page = "answers with a web page, perhaps a login: not a model server's answer"
            if reply.is_page:
                return Identity(problem=page, health=Health.UNKNOWN)
            return Identity(problem="its identity answer is not JSON")
    return _facts(reply, document, routes, model)


def _facts(reply: Answer, document: Any, routes: Routes, model: str) -> Identity:
    def one(where: Where | None) -> str | None:
        found = find(where, reply.headers, document) if where else ()
        return short(found[0]) if found else None

    waiting = one(routes.waiting)
    if waiting:
        return Identity(problem=waiting, health=Health.DEGRADED)
    served = one(routes.model)
    if served is not None and served != model:
        return Identity(problem=f"serves another model: {served}", health=Health.DEGRADED)
    versions = find(routes.version, reply.headers, document) if routes.version else ()
    versions = tuple(short(version) for version in versions if version not in routes.no_version)
    if not versions:
        return Identity(problem="does not say which version it serves")
    if len(versions) > 1:
        several = short(f"serves several versions at once: {', '.join(versions)}")
        return Identity(problem=several, health=Health.DEGRADED)
    return Identity(
        version=versions[0],
        run_id=one(routes.run),
        model_id=one(routes.model_id),
        since=_time(one(routes.since)),
        by=one(routes.by),
    )


def _status_problem(what: str, status: int) -> str:
    if status in {401, 403}:
        return f"does not accept our credentials (HTTP {status}): set headers_env"
    if status == 404:
        return f"has no such {what} route (HTTP 404)"
    return f"answers the {what} request with HTTP {status}"


def _differences(told: Sequence[Identity]) -> str:
    versions = sorted({str(identity.version) for identity in told})
    if len(versions) > 1:
        return short(f"answers differ: {', '.join(versions)}")
    runs = sorted({str(identity.run_id or identity.model_id) for identity in told})
    return short(f"answers differ: {versions[0]} of {', '.join(runs)}")


def _time(text: str | None) -> datetime | None:
    """Read an ISO time; one without a zone is UTC, one that no calendar knows is unknown."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

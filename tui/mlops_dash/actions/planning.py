"""Planners: from what is known of a place to the exact changes of an action. Nothing is asked or done."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mlops_dash.actions.preconditions import preconditions
from mlops_dash.domain.environments import Basis
from mlops_dash.domain.manifests import rendered
from mlops_dash.domain.plans import ActionKind, Plan, Step, Verification, Version
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError

BEST_EFFORT = (
    "best effort: MLflow has no compare-and-swap for aliases; it is read before and after,"
    " so who writes at the same moment is noticed, not kept out"
)


@dataclass(frozen=True, slots=True)
class AliasFacts:
    """The registry's alias that declares a place's version; ``version`` is ``None`` where none is set yet."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """The model server of a place; ``serves`` is ``None`` where none answers."""

    host: str
    port: int
    serves: Version | None


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """The manifest that declares a place's version, as the remote's branch had it at the last fetch.

    Attributes:
        template: what the field holds, with ``{version}`` for the version.
        text: what it holds now; ``version``: the version that this is, ``None`` where it is none.
        base: the commit of the remote's branch; ``None`` where there is no such branch.
    """

    path: str
    field: str
    branch: str
    remote: str
    template: str
    text: str | None
    version: str | None
    base: str | None


@dataclass(frozen=True, slots=True)
class GtoFacts:
    """The stage that GTO's tags declare.

    Attributes:
        version: assigned now.
        highest: the highest number of a tag of this stage; 0 where there is none.
        commit: that the wanted version is registered at; ``None`` where it is not.
        deprecated: the wanted version was taken back.
        remote: where tags are pushed; ``None`` where the repository has no remote.
    """

    stage: str
    version: str | None
    highest: int
    commit: str | None
    deprecated: bool
    remote: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a planner needs to know.

    Attributes:
        target: kind of the place's target.
        via: what declares its version: ``alias``, ``stage``, ``gto`` or ``manifest``; ``None``: nothing does.
        declared: the version declared.
        before: the version that is live, else the declared one.
        basis: on what evidence it is live.
        asks: there is a target to ask.
        status: of the wanted version in the registry, ``None`` where the registry does not know it.
        source: the environment that it is promoted from; ``source_observed``: it was seen to serve there.
        bad: why the wanted version is known to be bad here.
        stage: legacy stage that declares the version, as written.
    """

    kind: ActionKind
    environment: str
    model: str
    target: str
    protected: bool
    via: str | None
    declared: str | None
    before: Version | None
    basis: Basis
    after: Version
    asks: bool
    actor: str
    host: str
    made_at: datetime
    token: str
    status: str | None = None
    alias: AliasFacts | None = None
    process: ProcessFacts | None = None
    manifest: ManifestFacts | None = None
    gto: GtoFacts | None = None
    stage: str | None = None
    source: str | None = None
    source_observed: bool = True
    bad: str | None = None
    undoes: str | None = None
    verification: Verification = field(default_factory=Verification)


def make_plan(facts: Facts) -> Plan:
    """Return what would be changed, in order; a plan without steps: the version is there already.

    Raises:
        RefusedError: it cannot be done, or not safely; says why.
    """
    _check(facts)
    steps = tuple(_steps(facts))
    if not steps:
        _check_there(facts)
    return Plan(
        id=f"{facts.made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{facts.token}",
        kind=facts.kind,
        environment=facts.environment,
        model=facts.model,
        before=facts.before,
        after=facts.after,
        steps=steps,
        preconditions=preconditions(facts, steps),
        verification=facts.verification,
        protected=facts.protected,
        actor=facts.actor,
        host=facts.host,
        made_at=facts.made_at,
        undoes=facts.undoes,
    )


def _check(facts: Facts) -> None:
    place, version = visible(facts.environment, 80), visible(facts.after.version, 80)
    if facts.status not in (None, "", "READY"):
        raise RefusedError(
            f"version {version} of {visible(facts.model, 80)} is not ready:"
            f" the registry calls it {visible(facts.status or '', 40)}",
            "choose another version, or wait until it is ready",
        )
    if facts.stage is not None and facts.process is None:
        raise RefusedError(
            f"{place} is declared by the legacy stage {visible(facts.stage, 80)}, which is not moved here",
            f"set an alias {visible(facts.stage.lower(), 80)} of {visible(facts.model, 80)}: it then decides,"
            " and can be moved",
        )


def _check_there(facts: Facts) -> None:
    """Refuse to call a version there that is declared, while another one serves, or who knows which."""
    serves = facts.before.version if facts.before is not None and facts.basis is Basis.OBSERVED else None
    if not facts.asks or serves == facts.after.version:
        return
    place, version = visible(facts.environment, 80), visible(facts.after.version, 80)
    found = f"serves version {visible(serves, 80)}" if serves is not None else "does not say what it serves"
    raise RefusedError(
        f"version {version} is declared for {place} already, but {place} {found}",
        "see what keeps the server from following: nothing that is changed from here would",
    )


def _steps(facts: Facts) -> Iterator[Step]:
    if facts.process is not None and not _same(facts.process.serves, facts.after):
        yield _process(facts, facts.process)
    if facts.alias is not None and facts.alias.version != facts.after.version:
        yield _alias(facts, facts.alias)
    if facts.manifest is not None and facts.manifest.version != facts.after.version:
        yield _manifest(facts, facts.manifest)
    if facts.gto is not None and facts.gto.version != facts.after.version:
        yield _gto(facts, facts.gto)


def _same(serves: Version | None, wanted: Version) -> bool:
    return serves is not None and serves.version == wanted.version


def _process(facts: Facts, process: ProcessFacts) -> Step:
    after, serves = facts.after, process.serves
    place, new = visible(facts.environment, 80), visible(after.version, 80)
    if not after.locations:
        raise RefusedError(
            f"the tracking store does not say where the artifacts of version {new} are",
            "choose another version",
        )
    address = visible(f"{process.host}:{process.port}" if process.port else process.host, 100)
    if serves is None:
        title = f"start the server of {place} with version {new}"
        undo = "the server is stopped again"
    else:
        old = visible(serves.version, 80)
        title = f"hand the server of {place} from version {old} to version {new}"
        undo = f"version {old} takes the address back, version {new} is stopped"
    return Step(
        id="process",
        kind="process",
        title=title,
        effect=f"version {new} starts beside the old server, proves health, identity and a sample, takes over"
        f" {address}; then the old server drains and stops"
        if serves is not None
        else f"version {new} starts on {address}{'' if process.port else ', the port it had or a free one'}",
        undo=undo,
        arguments={
            "environment": facts.environment,
            "model": facts.model,
            "host": process.host,
            "port": process.port,
            "before": _identity(serves) if serves is not None else None,
            "after": _identity(after),
            "locations": list(after.locations),
            "answers": facts.verification.answers,
        },
    )


def _identity(version: Version) -> dict[str, Any]:
    return {"version": version.version, "run_id": version.run_id, "model_id": version.model_id}


def _alias(facts: Facts, alias: AliasFacts) -> Step:
    after = facts.after.version
    if facts.status is None:
        raise RefusedError(
            f"the registry has no version {visible(after, 80)} of {visible(facts.model, 80)},"
            f" so the alias {visible(alias.name, 80)} cannot name it",
            "choose a version that the registry has: mlops-dash live shows them",
        )
    told = visible(alias.name, 80)
    if alias.version is None:
        title = f"set the alias {told} of {visible(facts.model, 80)} to version {visible(after, 80)}"
        undo = f"client.delete_registered_model_alias({_quoted(facts.model, alias.name)})"
    else:
        move = f"move the alias {told} of {visible(facts.model, 80)}"
        title = f"{move} from version {visible(alias.version, 80)} to version {visible(after, 80)}"
        undo = f"client.set_registered_model_alias({_quoted(facts.model, alias.name, alias.version)})"
    return Step(
        id="alias",
        kind="alias",
        title=title,
        effect=f"client.set_registered_model_alias({_quoted(facts.model, alias.name, after)})",
        undo=undo,
        arguments={"model": facts.model, "alias": alias.name, "before": alias.version, "after": after},
        caution=BEST_EFFORT,
    )


def _quoted(*names: str) -> str:
    return ", ".join(f'"{visible(name, 200)}"' for name in names)


def _manifest(facts: Facts, manifest: ManifestFacts) -> Step:
    path, where = visible(manifest.path, 200), visible(manifest.field, 200)
    branch = visible(f"{manifest.remote}/{manifest.branch}", 200)
    if manifest.base is None:
        raise RefusedError(
            f"there is no branch {branch} here, so {path} cannot be changed where it is read from",
            f"add the remote, or fetch it: git fetch {shlex.quote(manifest.remote)}",
        )
    if manifest.text is None or manifest.version is None:
        found = "nothing" if manifest.text is None else f"“{visible(manifest.text, 100)}”"
        raise RefusedError(
            f"{path} is not what the configuration says: {where} on {branch} holds {found},"
            f" not “{visible(manifest.template, 100)}”",
            f"correct the file, or its settings under [environments.{visible(facts.environment, 80)}.target]",
        )
    try:
        wanted = rendered(manifest.template, facts.after.version)
    except ValueError as error:
        raise RefusedError(str(error), "choose another version") from None
    old, new = visible(manifest.text, 100), visible(wanted, 100)
    return Step(
        id="manifest",
        kind="manifest",
        title=f"declare version {visible(facts.after.version, 80)} in {path} on {branch}",
        effect=f"commit on {manifest.base[:7]}: {path}: {where}: {old} → {new};"
        f" git push --force-with-lease={visible(manifest.branch, 100)}:{manifest.base[:7]}"
        f" {visible(manifest.remote, 80)}",
        undo=f"a commit that puts {old} back, pushed likewise; history is not rewritten",
        arguments={
            "path": manifest.path,
            "field": manifest.field,
            "branch": manifest.branch,
            "remote": manifest.remote,
            "value": manifest.template,
            "before": manifest.text,
            "after": wanted,
            "base": manifest.base,
            "message": "",
        },
    )


def _gto(facts: Facts, gto: GtoFacts) -> Step:
    version, model = visible(facts.after.version, 80), visible(facts.model, 80)
    if gto.commit is None:
        raise RefusedError(
            f"no GTO tag registers version {version} of {model}",
            f"register it: gto register {model} --version {version}",
        )
    if gto.deprecated:
        raise RefusedError(f"version {version} of {model} was deprecated with GTO", "choose another version")
    if gto.remote is None:
        raise RefusedError(
            "the repository has no remote: a tag that nobody else sees assigns nothing", "git remote add"
        )
    tag = visible(f"{facts.model.replace(':', '=')}#{gto.stage}#{gto.highest + 1}", 200)
    return Step(
        id="gto",
        kind="gto",
        title=f"assign {version} of {model} to the stage {visible(gto.stage, 80)}",
        effect=f"git tag -a {shlex.quote(tag)} {gto.commit[:7]};"
        f" git push {shlex.quote(visible(gto.remote, 80))} {shlex.quote(f'refs/tags/{tag}')}",
        undo=f"a further tag assigns {visible(gto.version, 80)} again"
        if gto.version is not None
        else "a further tag takes the assignment away",
        arguments={
            "model": facts.model,
            "stage": gto.stage,
            "version": facts.after.version,
            "commit": gto.commit,
            "remote": gto.remote,
            "before_n": gto.highest,
            "before": gto.version,
            "message": "",
        },
    )

"""Rebuilds: what reproducing a run needs, and whether what came of it is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """What is known of one thing that a rebuild takes: it is there; it will probably do; it is not there."""

    HOLDS = "holds"
    WEAK = "weak"
    MISSING = "missing"


class Origin(StrEnum):
    """Who says how a run was made, best first."""

    RECORDER = "recorder"
    PROJECT_RUN = "mlflow project run"
    MLPROJECT = "MLproject"
    DVC = "dvc pipeline"
    CONFIGURATION = "configuration"
    LOGGED_MODEL = "logged model"
    REQUIREMENTS = "requirements file"
    PRESENT = "present environment"


@dataclass(frozen=True, slots=True)
class Command:
    """The command that made a run.

    Attributes:
        argv: never for a shell; ``python`` as its first word stands for the environment's own interpreter.
        folder: that it was started in, from the top of the repository, POSIX; ``.`` is the top.
        variables: environment variables that decide on threads, seeds and devices, as they were recorded.
        detail: where it was found, for a person: "dvc.yaml, stage train".
    """

    argv: tuple[str, ...]
    folder: str
    origin: Origin
    variables: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages that a run was made with.

    Attributes:
        python: version of the interpreter, ``3.11.9`` or less precise; ``None`` where nobody noted it.
        requirements: PEP 508, sorted by normalised name.
        unpinned: those of them that do not fix one version.
        folders: packages that are the project's own, by their folder in the repository: they are taken from
            the worktree.
        unknown: packages that came from elsewhere, and nobody knows where they can be had.
    """

    python: str | None
    requirements: tuple[str, ...]
    origin: Origin
    unpinned: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataNeed:
    """A data set that a run read.

    Attributes:
        kind: ``dvc`` (a file or folder that DVC tracks at the commit), ``git`` (in the commit itself) or
            ``mlflow`` (known by a run's input alone).
        path: from the top of the repository, POSIX; ``None`` where it is none of its files.
        digest: MLflow's or DVC's. MLflow's covers the first 10,000 rows and the size only.
        source: as it was recorded; never trusted.
        md5: DVC's, of the whole content; a folder's ends in ``.dir``.
        sha256: of the whole content, where the recorder noted it.
        size: bytes.
    """

    name: str
    kind: str
    path: str | None
    digest: str | None = None
    source: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a rebuild of one run takes.

    Attributes:
        commit: whole SHA-1 of the training code.
        parameters: as the run logged them.
    """

    run_id: str
    commit: str | None
    command: Command | None
    packages: Packages | None
    data: tuple[DataNeed, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rebuild may take.

    Attributes:
        seconds: of time until it is stopped.
        memory: bytes of all its processes together; ``None``: no limit.
        output: bytes of its log that are kept: the first and the last of it.
        disk: bytes that its folder may grow by; ``None``: no limit.
    """

    seconds: float = 4 * 3600.0
    memory: int | None = None
    output: int = 50_000_000
    disk: int | None = None


class Verdict(StrEnum):
    """Whether a rebuild came out the same."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    DIVERGED = "diverged"
    FAILED = "failed"


def told_verdict(value: object) -> Verdict | None:
    """Return the verdict that a tag names; ``None`` where it names none: anybody can write a tag."""
    return next((verdict for verdict in Verdict if verdict == value), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a rebuild and its original differ.

    Attributes:
        kind: ``metric``, ``prediction``, ``artifact``, ``parameter``; or of what went in: ``package``,
            ``python``, ``data``, ``code``, ``threads``, ``seed``, ``hardware``.
        original, rebuilt: as text; ``None``: it is not there.
        amount: absolute difference of two numbers, the largest of many.
        within: inside the tolerance.
    """

    kind: str
    name: str
    original: str | None
    rebuilt: str | None
    amount: float | None = None
    within: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two numbers may lie apart and still count as equal: ``|a - b| <= absolute + relative * |b|``,
    with ``b`` the original's."""

    absolute: float = 0.0
    relative: float = 1e-6


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its evidence.

    Attributes:
        words: one sentence for a person.
        outcomes: differences of what came out; empty where it is identical.
        inputs: differences of what went in, the likeliest cause first; empty where none is known.
        compared: what was compared and how, one line each: "model.skops: content equal".
    """

    verdict: Verdict
    words: str
    outcomes: tuple[Difference, ...] = ()
    inputs: tuple[Difference, ...] = ()
    compared: tuple[str, ...] = ()

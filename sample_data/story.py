"""What happened in the sample project: who committed what and when, and which runs they trained.

``diabetes/`` holds each source as it was first committed; the edits below are all that changed since.
"""

from __future__ import annotations

from dataclasses import dataclass

MARA = ("Mara Lindqvist", "mara@example.com")
TOMAS = ("Tomás Ribeiro", "tomas@example.com")
INES = ("Ines Okafor", "ines@example.com")


@dataclass(frozen=True)
class Edit:
    """Replace ``old`` by ``new`` in a file; without ``old``, append."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Train:
    """One run of ``train.py``: its options and when it started (UTC).

    Attributes:
        register: which version of the model it becomes.
        fails: it really fails.
        deleted: its author deleted it later.
    """

    options: str
    at: str
    register: int | None = None
    fails: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Commit:
    """One commit and the runs trained from exactly it.

    Attributes:
        branch: the branch that it is made on; a new one starts where the story stands.
        adds: files taken from ``diabetes/``; edits come after.
        data: ``prepare.py`` is run and its output tracked with DVC.
        amends: the branch's last commit is replaced, which leaves that one on no branch.
    """

    subject: str
    author: tuple[str, str]
    at: str
    branch: str = "main"
    adds: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    data: bool = False
    amends: bool = False
    runs: tuple[Train, ...] = ()


def _sweep(
    model: str, option: str, values: str, day: str, start: str, registers: dict[str, int] | None = None
) -> tuple[Train, ...]:
    """Return one run per value, a few minutes apart."""
    hour, minute = (int(part) for part in start.split(":"))
    runs = []
    for number, value in enumerate(values.split()):
        clock = hour * 60 + minute + 4 * number
        runs.append(
            Train(
                f"--model {model} --{option} {value}",
                f"{day}T{clock // 60:02d}:{clock % 60:02d}:00",
                register=(registers or {}).get(value),
            )
        )
    return tuple(runs)


SCALED = '''from sklearn.preprocessing import StandardScaler


def features():
    """Return the step that comes before every model: every measurement to mean 0 and deviation 1."""
    return StandardScaler()
'''
PAIRED = '''from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from progression.data import COLUMNS

PAIRED = [COLUMNS.index(name) for name in ("bmi", "bp", "s5")]


def features():
    """Return the step before every model: scaled measurements, and the products of those that matter most."""
    products = PolynomialFeatures(2, interaction_only=True, include_bias=False)
    return make_pipeline(
        StandardScaler(), make_column_transformer((products, PAIRED), remainder="passthrough")
    )
'''
ALL_PAIRED = '''from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler


def features():
    """Return the step before every model: scaled measurements, their squares and all their products."""
    return make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False))
'''
PLAIN = '''

def features():
    """Return the step that comes before every model."""
    return "passthrough"
'''

INTAKE = "PATIENTS = 300  # those of the first intake\n"
DOUBTFUL = "DOUBTFUL = 3.0  # deviations from the mean\n"
WITHOUT_DOUBTFUL = """    frame = frame.head(PATIENTS)
    readings = frame.drop(columns=["patient", "progression"])
    deviations = ((readings - readings.mean()) / readings.std()).abs()
    return frame[deviations.max(axis=1) < DOUBTFUL]
"""
SGD = """
[sgd]
rate = 0.001
epochs = 30
"""
FOREST = """
[forest]
trees = 30
depth = 6
"""
BOOSTING = """
[boosting]
stages = 50
depth = 3
rate = 0.1
subsample = 1.0
"""
COMBINED = """
[combined]
weight = 0.5
alpha = 10.0
stages = 50
depth = 2
rate = 0.08
subsample = 0.7
"""
REQUESTS = """
A request to the model gives all ten measurements, in the units of the study: age in years, blood pressure
in mmHg, `s1` to `s6` as they come from the laboratory.
"""

STORY: tuple[Commit, ...] = (
    Commit(
        "Start with ridge regression on the diabetes study",
        MARA,
        "2026-10-05T09:12:00",
        adds=(
            ".gitignore",
            "README.md",
            "requirements.txt",
            "params.toml",
            "prepare.py",
            "train.py",
            "register.py",
            "progression/__init__.py",
            "progression/data.py",
            "progression/features.py",
            "progression/models/__init__.py",
            "progression/models/ridge.py",
        ),
    ),
    Commit(
        "Track the 300 patients of the first intake with DVC",
        MARA,
        "2026-10-05T11:40:00",
        data=True,
        runs=_sweep("ridge", "alpha", "0.1 1 10 100", "2026-10-05", "11:52", {"1": 1}),
    ),
    Commit(
        "Add a linear model fitted by stochastic descent",
        TOMAS,
        "2026-10-07T14:05:00",
        adds=("progression/models/sgd.py",),
        edits=(Edit("params.toml", "", SGD),),
        runs=(Train("--model sgd", "2026-10-07T14:11:00", fails=True),),
    ),
    Commit(
        "Scale the measurements, without which descent diverges",
        TOMAS,
        "2026-10-08T09:31:00",
        edits=(Edit("progression/features.py", PLAIN, "\n" + SCALED),),
        runs=(
            *_sweep("sgd", "rate", "0.0005 0.001 0.005", "2026-10-08", "09:40"),
            Train("--model sgd --rate 0.02", "2026-10-08T10:02:00", deleted=True),
            *_sweep("ridge", "alpha", "1 10 100", "2026-10-08", "10:20"),
        ),
    ),
    Commit(
        "Add a random forest",
        INES,
        "2026-10-12T10:22:00",
        adds=("progression/models/forest.py",),
        edits=(Edit("params.toml", "", FOREST),),
        runs=_sweep("forest", "depth", "3 4 6 8", "2026-10-12", "10:30", {"6": 2}),
    ),
    Commit(
        "Drop patients with readings that can hardly be true",
        TOMAS,
        "2026-10-14T15:48:00",
        edits=(
            Edit("prepare.py", INTAKE, INTAKE + DOUBTFUL),
            Edit("prepare.py", "    return frame.head(PATIENTS)\n", WITHOUT_DOUBTFUL),
        ),
        data=True,
        runs=(
            *_sweep("ridge", "alpha", "1 10", "2026-10-14", "16:01"),
            *_sweep("sgd", "rate", "0.001", "2026-10-14", "16:15"),
        ),
    ),
    Commit(
        "Add gradient boosting",
        MARA,
        "2026-10-19T09:05:00",
        adds=("progression/models/boosting.py",),
        edits=(Edit("params.toml", "", BOOSTING),),
        runs=(
            *_sweep("boosting", "rate", "0.05 0.1 0.2", "2026-10-19", "09:20", {"0.1": 3}),
            *_sweep("boosting", "depth", "2 4", "2026-10-19", "09:48"),
        ),
    ),
    Commit(
        "Boost more slowly and on parts of the patients",
        MARA,
        "2026-10-27T13:17:00",
        edits=(
            Edit(
                "params.toml",
                "depth = 3\nrate = 0.1\nsubsample = 1.0\n",
                "depth = 2\nrate = 0.08\nsubsample = 0.7\n",
            ),
        ),
        runs=(
            *_sweep("boosting", "rate", "0.05 0.08 0.12", "2026-10-27", "13:30", {"0.08": 4}),
            *_sweep("boosting", "subsample", "0.5 0.9", "2026-10-27", "13:50"),
        ),
    ),
    Commit(
        "Test that nobody is on both sides of the split",
        INES,
        "2026-10-30T16:20:00",
        adds=("tests/test_split.py",),
    ),
    Commit(
        "Take in all 442 patients, the doubtful readings confirmed",
        TOMAS,
        "2026-11-04T10:45:00",
        edits=(
            Edit("prepare.py", "\n" + INTAKE + DOUBTFUL, ""),
            Edit("prepare.py", WITHOUT_DOUBTFUL, "    return frame\n"),
        ),
        data=True,
        runs=(
            *_sweep("ridge", "alpha", "1 30", "2026-11-04", "11:00"),
            *_sweep("forest", "depth", "5", "2026-11-04", "11:12"),
            *_sweep("boosting", "rate", "0.08 0.12", "2026-11-04", "11:20"),
            *_sweep("sgd", "rate", "0.001", "2026-11-04", "11:34"),
        ),
    ),
    Commit(
        "Try all products of the measurements",
        INES,
        "2026-11-06T11:30:00",
        branch="interactions",
        edits=(Edit("progression/features.py", SCALED, ALL_PAIRED),),
        runs=_sweep("ridge --experiment interactions", "alpha", "100 300 1000", "2026-11-06", "11:41"),
    ),
    # amended below: version 5 comes from a commit that is on no branch
    Commit(
        "Boost against outliers",
        INES,
        "2026-11-09T10:02:00",
        branch="interactions",
        edits=(
            Edit("progression/features.py", ALL_PAIRED, SCALED),
            Edit(
                "progression/models/boosting.py",
                '        random_state=params["seed"],\n',
                '        loss="huber",\n        random_state=params["seed"],\n',
            ),
        ),
        runs=_sweep(
            "boosting --experiment interactions", "subsample", "0.5 0.7", "2026-11-09", "10:10", {"0.7": 5}
        ),
    ),
    Commit(
        "Boost against outliers, on all products",
        INES,
        "2026-11-10T09:26:00",
        branch="interactions",
        amends=True,
        edits=(Edit("progression/features.py", SCALED, ALL_PAIRED),),
        runs=_sweep("boosting --experiment interactions", "subsample", "0.7", "2026-11-10", "09:35"),
    ),
    Commit(
        "Show the team's board with mlops-dash",
        TOMAS,
        "2026-11-11T08:50:00",
        adds=("mlops-dash.toml",),
    ),
    Commit(
        "Multiply body-mass index, blood pressure and s5",
        TOMAS,
        "2026-11-13T14:12:00",
        edits=(Edit("progression/features.py", SCALED, PAIRED),),
        runs=(
            *_sweep("ridge", "alpha", "10", "2026-11-13", "14:20"),
            *_sweep("boosting", "rate", "0.05 0.08", "2026-11-13", "14:26"),
        ),
    ),
    Commit(
        "Ask for the whole measurements in the README",
        INES,
        "2026-11-17T09:03:00",
        edits=(Edit("README.md", "", REQUESTS),),
    ),
    Commit(
        "Combine ridge regression and gradient boosting",
        MARA,
        "2026-11-19T10:38:00",
        adds=("progression/models/combined.py",),
        edits=(Edit("params.toml", "", COMBINED),),
        runs=_sweep("combined", "weight", "0.3 0.7 0.5", "2026-11-19", "10:50", {"0.5": 6}),
    ),
)

ALIASES = {"production": 4, "staging": 6, "canary": 6}  # canary's server was started when it said 5
LAST = "2026-11-20T16:00:00"  # the story's end, UTC

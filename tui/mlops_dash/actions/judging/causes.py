"""What went into two runs and differs, the likeliest cause of another outcome first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mlops_dash.actions.judging.descriptions import normalised
from mlops_dash.actions.judging.sides import Side, clean
from mlops_dash.domain.rebuilds import DataNeed, Difference

ROUNDING = 1e-6
"""Relative: outcomes that lie closer differ by rounding rather than by what was computed. Sums in another
order (threads, vector instructions, libraries) change the last bits, which training then makes grow."""

_LIKELY = ("data", "parameter", "seed", "code", "package", "python", "threads", "hardware")
_LIKELY_FOR_ROUNDING = ("threads", "package", "hardware", "python", "data", "parameter", "seed", "code")
_ESTIMATORS = (
    "scikit-learn xgboost lightgbm catboost torch tensorflow keras jax jaxlib statsmodels transformers "
    "scipy numpy pandas polars pyarrow"
).split()
_QUIET = frozenset(
    "mlflow mlflow-skinny mlflow-tracing psutil rich pip setuptools wheel cloudpickle skops".split()
)
_SEED = re.compile(r"seed|random_?state", re.IGNORECASE)
_THREADS = re.compile(r"n_jobs|n_?threads?|num_(threads|workers)|thread_count", re.IGNORECASE)
_VARIABLE_KINDS = (("_NUM_THREADS", "threads"), ("CUDA_VISIBLE_DEVICES", "hardware"))
_MOST = 100


def differing_inputs(
    original: Side,
    rebuilt: Side,
    described: Iterable[Difference] = (),
    *,
    imported: frozenset[str] = frozenset(),
    rounding: bool = False,
) -> tuple[Difference, ...]:
    """Return what went in and differs, the likeliest cause first.

    Args:
        described: differences that the models' own files tell.
        imported: packages that the original's models say they need.
        rounding: outcomes differ by no more than rounding does.
    """
    found: dict[tuple[str, str], Difference] = {}
    for one in (
        *_code(original, rebuilt),
        *_data(original.data, rebuilt.data),
        *_parameters(original.parameters, rebuilt.parameters),
        *_environment(original, rebuilt),
        *_variables(original.variables, rebuilt.variables),
        *_hardware(original.hardware, rebuilt.hardware),
        *described,
    ):
        found.setdefault((one.kind, one.name), one if one.words else _worded(one))
    order = _LIKELY_FOR_ROUNDING if rounding else _LIKELY

    def rank(one: Difference) -> tuple[int, int, int, str]:
        if one.kind != "package":
            return (order.index(one.kind), 0, 0, one.name)
        needed = one.name in imported and one.name not in _QUIET
        known = _ESTIMATORS.index(one.name) if one.name in _ESTIMATORS else len(_ESTIMATORS)
        place = order.index("package") if needed or known < len(_ESTIMATORS) else len(order)
        return (place, not needed, known + (one.name in _QUIET), one.name)

    return tuple(sorted(found.values(), key=rank)[:_MOST])


def told_by_digest_alone(original: Side, rebuilt: Side) -> tuple[str, ...]:
    """Return the data sets that only MLflow's digest calls equal: it covers the first 10,000 rows."""
    mine, theirs = _by_name(original.data), _by_name(rebuilt.data)
    return tuple(
        clean(name)
        for name in sorted(mine.keys() & theirs.keys())
        if _identities(mine[name], theirs[name])[:1] == ["digest"]
        and mine[name].kind == "mlflow"
        and mine[name].digest == theirs[name].digest
    )


def _code(original: Side, rebuilt: Side) -> Iterator[Difference]:
    if original.commit and rebuilt.commit and original.commit != rebuilt.commit:
        first, second = clean(original.commit[:12]), clean(rebuilt.commit[:12])
        yield Difference("code", "commit", first, second, words=f"commit {first} → {second}")
    if original.dirty and original.patch_sha256 is None:
        words = "the original had uncommitted changes that were not recorded"
        yield Difference("code", "uncommitted changes", "not recorded", None, words=words)
    elif original.patch_sha256 != rebuilt.patch_sha256 and None not in (original.dirty, rebuilt.dirty):
        first, second = (_patch(one.patch_sha256) for one in (original, rebuilt))
        words = f"uncommitted changes: {first} → {second}"
        yield Difference("code", "uncommitted changes", first, second, words=words)


def _patch(sha256: str | None) -> str:
    return "none" if sha256 is None else f"sha256 {clean(sha256[:12])}"


def _data(original: tuple[DataNeed, ...], rebuilt: tuple[DataNeed, ...]) -> Iterator[Difference]:
    mine, theirs = _by_name(original), _by_name(rebuilt)
    for name in sorted(mine.keys() & theirs.keys()):
        for identity in _identities(mine[name], theirs[name])[:1]:
            first, second = (str(getattr(one[name], identity)) for one in (mine, theirs))
            if first != second:
                old, new = clean(first[:12]), clean(second[:12])
                words = f"data {clean(name)} ({identity} {old} → {new})"
                yield Difference("data", clean(name), old, new, words=words)
    if mine and theirs:
        kinds = [{one.kind for one in side} for side in (original, rebuilt)]
        for name in sorted(mine.keys() ^ theirs.keys()):
            need = mine.get(name) or theirs[name]
            if need.kind in kinds[0] & kinds[1]:
                there, gone = ("read" if name in side else None for side in (mine, theirs))
                words = f"data {clean(name)} was read by {'the original' if there else 'the rebuild'} only"
                yield Difference("data", clean(name), there, gone, words=words)


def _by_name(data: tuple[DataNeed, ...]) -> dict[str, DataNeed]:
    """Return data by its name. Of several of one name, which MLflow gives to those without one, nobody knows
    which is which: they are numbered in the order of their digests."""
    found: dict[str, DataNeed] = {}
    counted: Counter[str] = Counter()
    for one in sorted(data, key=lambda one: (one.kind != "mlflow", one.digest or "")):
        name = one.path or one.name
        if one.kind == "mlflow":
            counted[name] += 1
            name += f" ({counted[name]})" * (counted[name] > 1)
        found[name] = one
    return found


def _identities(first: DataNeed, second: DataNeed) -> list[str]:
    """Return what both are known by, of the whole content first."""
    return [
        name
        for name in ("sha256", "md5", "digest")
        if getattr(first, name) is not None and getattr(second, name) is not None
    ]


def _parameters(original: Mapping[str, str], rebuilt: Mapping[str, str]) -> Iterator[Difference]:
    for name, old, new in _unlike(original, rebuilt):
        kind = "seed" if _SEED.search(name) else "threads" if _THREADS.search(name) else "parameter"
        yield Difference(kind, clean(name), old, new)


def _environment(original: Side, rebuilt: Side) -> Iterator[Difference]:
    if original.python and rebuilt.python and original.python != rebuilt.python:
        yield Difference("python", "python", clean(original.python), clean(rebuilt.python))
    if original.packages and rebuilt.packages:
        mine, theirs = (
            {normalised(name): version for name, version in side.packages.items()}
            for side in (original, rebuilt)
        )
        for name, old, new in _unlike(mine, theirs):
            yield Difference("package", name, old, new)


def _variables(original: Mapping[str, str] | None, rebuilt: Mapping[str, str] | None) -> Iterator[Difference]:
    if original is not None and rebuilt is not None:
        for name, old, new in _unlike(original, rebuilt):
            kind = next((kind for part, kind in _VARIABLE_KINDS if part in name), "seed")
            yield Difference(kind, clean(name), old, new)


def _hardware(original: Mapping[str, str], rebuilt: Mapping[str, str]) -> Iterator[Difference]:
    if original and rebuilt:
        for name, old, new in _unlike(original, rebuilt):
            yield Difference("threads" if name == "threads" else "hardware", clean(name), old, new)


def _unlike(
    original: Mapping[str, str], rebuilt: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    for name in sorted(original.keys() | rebuilt.keys()):
        old, new = original.get(name), rebuilt.get(name)
        if old != new:
            yield name, None if old is None else clean(old, 80), None if new is None else clean(new, 80)


def _worded(one: Difference) -> Difference:
    old = "absent" if one.original is None else one.original
    new = "absent" if one.rebuilt is None else one.rebuilt
    words = f"{one.name} {old} → {new}"
    return Difference(one.kind, one.name, one.original, one.rebuilt, one.amount, one.within, words)

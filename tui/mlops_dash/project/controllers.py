"""What in a repository would undo a change by itself, as far as its files tell: Argo CD, Flux, a CI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mlops_dash.domain.text import visible
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, hashes

_MANIFESTS = ("*.yaml", "*.yml", "*.json")
_JOBS = (".github/workflows", ".gitlab-ci.yml", ".ci", "Jenkinsfile", "azure-pipelines.yml", ".circleci")
_SETS_ALIASES = ("set_registered_model_alias", "mlops-dash promote", "mlops-dash rollback")
_IMAGES = "argocd-image-updater.argoproj.io/image-list"
_FLUX = re.compile(r'\{\s*"\$imagepolicy"\s*:\s*"([^"]{1,200})"')
_MOST_FILES, _LARGEST = 100, 256 << 10
_DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        undoes: it would undo the change, as far as the files tell.
        sure: ``False`` where it only might.
    """

    words: str
    undoes: bool = False
    sure: bool = True
    remedy: str | None = None


def of_manifest(runner: GitRunner, base: str, path: str, branch: str, value: str) -> list[Finding]:
    """Return what reads or writes a manifest by itself.

    Args:
        base: commit in which is looked.
        value: what the field holds now.

    Raises:
        GitError: the repository cannot be read.
    """
    found = [*_flux(_text(runner, base, path) or "", value)]
    for name in _mentioning(runner, base, ("argoproj.io",), _MANIFESTS):
        for document in _documents(_text(runner, base, name) or ""):
            if document.get("kind") == "Application":
                found += _application(document, path, branch, value)
    return found


def of_alias(runner: GitRunner, commit: str) -> list[Finding]:
    """Return the jobs of a CI that set aliases.

    Raises:
        GitError: the repository cannot be read.
    """
    names = _mentioning(runner, commit, _SETS_ALIASES, _JOBS)
    return [
        Finding(f"{visible(name, 100)} sets aliases: a job may set this one again", undoes=True, sure=False)
        for name in names[:3]
    ]


def _mentioning(runner: GitRunner, commit: str, words: tuple[str, ...], where: tuple[str, ...]) -> list[str]:
    patterns = [part for word in words for part in ("-e", word)]
    (commit,) = hashes(commit)
    told = runner.run(
        "grep", "-l", "-z", "-I", "-F", *patterns, commit, "--", *where,
        deadline=_DEADLINE, limit=1 << 20, accept=(0, 1),
    )  # fmt: skip
    names = [name.partition(b":")[2].decode("utf-8", "replace") for name in told.split(b"\0") if name]
    return names[:_MOST_FILES]


def _text(runner: GitRunner, commit: str, path: str) -> str | None:
    (commit,) = hashes(commit)
    try:
        data = runner.run("cat-file", "blob", f"{commit}:{path}", deadline=_DEADLINE, limit=_LARGEST)
    except GitError:
        return None  # too large, or not there
    return data.decode("utf-8", "replace")


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings of a file; one that cannot be read, or that refers to itself, has none."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader)):
            return
        documents = list(yaml.load_all(text, loader))
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    yield from (document for document in documents if isinstance(document, dict))


def _flux(text: str, value: str) -> Iterator[Finding]:
    for line in text.splitlines():
        found = _FLUX.search(line)
        if found and value and value in line:
            yield Finding(
                f"Flux writes this field by itself (image policy {visible(found[1], 100)})",
                undoes=True,
                remedy="change the image policy instead, or suspend its automation",
            )


def _application(document: Mapping[str, Any], path: str, branch: str, value: str) -> Iterator[Finding]:
    spec, metadata = _of(document, "spec"), _of(document, "metadata")
    several = spec.get("sources")
    sources = [one for one in several if isinstance(one, dict)] if isinstance(several, list) else []
    source = next((one for one in (_of(spec, "source"), *sources) if _covers(one, path)), None)
    if source is None:
        return
    name = f"Argo CD application {visible(str(metadata.get('name')), 80)}"
    images = _of(metadata, "annotations").get(_IMAGES)
    if isinstance(images, str):
        ours = any(_image(one) and _image(one) in value for one in images.split(","))
        yield Finding(
            f"{name}: its image updater writes versions by itself",
            undoes=True,
            sure=ours,
            remedy=f"take {_IMAGES} away first, or pin the version there",
        )
    revision = str(source.get("targetRevision") or "HEAD").removeprefix("refs/heads/")
    if revision not in ("HEAD", branch):
        yield Finding(
            f"{name} reads {visible(revision, 80)}, not {visible(branch, 80)}: the change does not reach it",
            undoes=True,
            sure=False,
        )
        return
    automated = "by itself" if _of(spec, "syncPolicy").get("automated") is not None else "when told to"
    yield Finding(f"{name} takes what is changed here from Git, {automated}")


def _covers(source: Mapping[str, Any], path: str) -> bool:
    folder = source.get("path")
    if not isinstance(folder, str):
        return False
    inside = PurePosixPath(folder.strip("/") or ".")
    return inside == PurePosixPath(".") or inside in PurePosixPath(path).parents


def _of(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _image(entry: str) -> str:
    """Return the name of an image in a list such as ``app=registry/team/app:~1``, without its version."""
    return entry.strip().rpartition("=")[2].rpartition("/")[2].partition(":")[0]

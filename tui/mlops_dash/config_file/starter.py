"""A first ``mlops-dash.toml``: what was found is stated, what can be set stands commented beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_dash.domain.secrets import shown_address
from mlops_dash.domain.text import visible


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """An environment that registry or tags declare; ``via`` is ``alias``, ``stage`` or ``gto``."""

    name: str
    model: str
    alias: str
    via: str = "alias"


@dataclass(frozen=True, slots=True)
class Found:
    """What a project holds without any configuration.

    Attributes:
        tracking: the tracking store as a person would write it; ``None`` where there is none.
        repo: folder of the repository relative to the file, ``None`` where there is none.
        main: its main branch.
        metrics: keys of metrics of the live runs, the likeliest first.
    """

    tracking: str | None = None
    repo: str | None = None
    main: str | None = None
    environments: Sequence[FoundEnvironment] = ()
    metrics: Sequence[str] = ()


def init_text(found: Found) -> str:
    """Return commented TOML that loads as it stands and says what was found."""
    parts = [
        "# mlops-dash.toml: commit it, and the whole team sees the same board.\n"
        "# Everything is optional. `mlops-dash config check` explains mistakes;\n"
        "# `mlops-dash config schema` prints the JSON schema for editors.\n"
        "# Never write secrets here: name environment variables.\n",
        _tracking(found),
        _git(found),
        _environments(found.environments),
        _metrics(found.metrics),
        "[compare]\n# what a comparison shows of the code between two commits; default: all that differs\n"
        '# include = ["src", "*.py"]   # as in .gitignore\n# exclude = ["docs", "*.ipynb"]\n',
        "[rebuild]\n# how a run is made again where it does not say so itself\n"
        '# command = ["python", "train.py", "--alpha", "{alpha}"]   # {name}: a parameter of the run\n'
        '# environment = "present"    # default: "recorded", installed by uv\n'
        '# variables = ["AWS_PROFILE"]   # what the command gets of yours\n',
        "[ui]\n# refresh = 5.0              # seconds between refreshes\n"
        '# theme = "textual-dark"     # ctrl+p lists them\n',
        '# [keys]                      # a command and its key; `?` lists the commands\n# refresh = "f5"\n',
    ]
    return "\n".join(parts)


def quoted(text: str) -> str:
    """Return ``text`` as a TOML string."""
    # JSON's escapes are TOML's, save for surrogates (which cannot be written) and DEL
    safe = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return json.dumps(safe, ensure_ascii=False).replace("\x7f", "\\u007f")


def _remark(text: str) -> str:
    return visible(text, 200)


def _usable(text: str) -> bool:
    return bool(text.strip()) and visible(text) == text


def _tracking(found: Found) -> str:
    lines = ["[tracking]"]
    if found.tracking is None:
        lines += ["# found: no tracking store (neither MLFLOW_TRACKING_URI nor mlflow.db)"]
    else:
        lines += [f"# found: {_remark(shown_address(found.tracking))}"]
    lines += [
        '# uri = "sqlite:///mlflow.db"  # default: MLFLOW_TRACKING_URI, else mlflow.db in the repository\n'
    ]
    return "\n".join(lines)


def _git(found: Found) -> str:
    lines = ["[git]"]
    if found.repo is None:
        lines += ["# found: no Git repository", '# repo = "."', '# main = "main"\n']
    else:
        lines += [
            f"# found: a repository in {_remark(found.repo)}",
            '# repo = "."                  # default: around this file',
        ]
        main = found.main if found.main and _usable(found.main) else None
        lines += [f"main = {quoted(main)}\n" if main else '# main = "main"               # default: found\n']
    return "\n".join(lines)


def _environments(environments: Sequence[FoundEnvironment]) -> str:
    lines = ["# What serves where. Without a target that can be asked, an environment is only declared."]
    written: set[str] = set()
    for item in environments:
        told = f"# found: {_remark(item.via)} {_remark(item.alias)} of {_remark(item.model)}"
        if item.name in written or not all(map(_usable, (item.name, item.model, item.alias))):
            lines += [f"{told} (shown without configuration)", ""]
            continue
        written.add(item.name)
        lines += [told, f"[environments.{quoted(item.name)}]", f"model = {quoted(item.model)}"]
        lines += [f"alias = {quoted(item.alias)}"]
        if item.name.casefold() in ("production", "prod", "champion", "live"):
            lines += ["protected = true             # acting asks for the name to be typed"]
        lines += ['# target = { kind = "process", port = 0 }   # a local server: mlops-dash up', ""]
    lines += [
        '# [environments."another one"]',
        '# model = "my-model"',
        '# target = { kind = "http", url = "https://models.example.com", preset = "mlserver" }',
        "",
        "# A server without a preset: say where it tells the version.",
        '# [environments."one more"]',
        '# model = "my-model"',
        '# [environments."one more".target]',
        '# kind = "http"',
        '# url = "https://models.example.com"',
        '# identity = "/metadata"',
        '# version = "$.version"',
        '# run = "header:X-Run-Id"',
        '# health = "/health"',
        '# headers_env = { Authorization = "NAME_OF_A_VARIABLE" }',
        "",
        "# A manifest in Git that something else deploys: rolling back commits to it and pushes.",
        '# [environments."and another"]',
        '# model = "my-model"',
        '# [environments."and another".target]',
        '# kind = "gitops"',
        '# path = "deploy/production.yaml"',
        '# field = "spec.template.spec.containers.name=model.image"',
        '# value = "registry/my-model:v{version}"\n',
    ]
    return "\n".join(lines)


def _metrics(metrics: Iterable[str]) -> str:
    usable = [name for name in metrics if _usable(name)][:12]
    lines = ["[metrics]"]
    if usable:
        lines += [f"# found: {_remark(', '.join(usable))}", f"primary = {quoted(usable[0])}"]
    else:
        lines += ['# primary = "rmse"            # the metric that the board shows']
    lines += ['# lower_is_better = ["rmse"]', '# higher_is_better = ["accuracy"]\n']
    return "\n".join(lines)

"""Configuration: one documented field per setting; unknown ones are errors that name the nearest.

Only the shapes live here; finding, reading and checking the file is in :mod:`mlops_dash.config_file`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class AliasTarget(_Strict, tag_field="kind", tag="alias", frozen=True):
    """Nothing to ask: the environment has only a declared version."""


class ProcessTarget(_Strict, tag_field="kind", tag="process", frozen=True):
    """A local model server of ours, started by ``mlops-dash up``."""

    host: Annotated[str, Meta(description="Address that the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port; 0 takes a free one and remembers it.", ge=0, le=65535)] = 0
    timeout: Annotated[float, Meta(description="Seconds to wait for each answer.", gt=0)] = 3.0


class HttpServerConfig(_Strict, frozen=True):
    """How a server is asked over HTTP which version it serves."""

    url: Annotated[str, Meta(description="Base address, without credentials.")]
    preset: Annotated[str | None, Meta(description="mlserver, bentoml or mlops-dash: sets the rest.")] = None
    identity: Annotated[str | None, Meta(description="Route that tells the version, e.g. /metadata.")] = None
    version: Annotated[str | None, Meta(description="Where the version is: $.json.path, or header:NAME.")] = (
        None
    )
    run: Annotated[str | None, Meta(description="Where the run id is, likewise.")] = None
    health: Annotated[str | None, Meta(description="Health route; 2xx is healthy.")] = None
    headers_env: Annotated[
        dict[str, str], Meta(description="Request headers: name to environment variable.")
    ] = field(default_factory=dict)
    timeout: Annotated[float, Meta(description="Seconds to wait for each answer.", gt=0)] = 3.0


class HttpTarget(HttpServerConfig, tag_field="kind", tag="http", frozen=True):
    """Any server that says over HTTP which version it serves."""


class GitopsTarget(_Strict, tag_field="kind", tag="gitops", frozen=True):
    """A manifest in the Git repository declares the version, and something else deploys it."""

    path: Annotated[str, Meta(description="YAML or JSON file, from the top of the repository.")]
    field: Annotated[
        str,
        Meta(
            description="Where in it the version is: keys joined by dots; a number is a list's index, "
            'name=model the item of that name, a key with dots stands in "quotes".'
        ),
    ]
    value: Annotated[
        str,
        Meta(description="What the field holds, e.g. registry/model:v{version}."),
    ] = "{version}"
    branch: Annotated[str | None, Meta(description="Branch that is deployed; default: the main branch.")] = (
        None
    )
    remote: Annotated[str, Meta(description="Remote that changes are pushed to.")] = "origin"
    http: Annotated[
        HttpServerConfig | None,
        Meta(description='How to ask what serves, as for kind = "http"; else it is declared only.'),
    ] = None


class GtoTarget(_Strict, tag_field="kind", tag="gto", frozen=True):
    """Tags that GTO reads declare the version, even where the registry has an alias of that name."""

    remote: Annotated[str, Meta(description="Remote that new tags are pushed to.")] = "origin"


Target = AliasTarget | ProcessTarget | HttpTarget | GitopsTarget | GtoTarget


class VerifyConfig(_Strict, frozen=True):
    """When a version counts as live after an action, where a target can be asked."""

    answers: Annotated[
        int, Meta(description="Healthy answers with the wanted version, one after another.", ge=1, le=1000)
    ] = 3
    seconds: Annotated[
        float, Meta(description="Seconds from the first to the last of them, at least.", ge=0, le=86400)
    ] = 0.5
    within: Annotated[
        float, Meta(description="Seconds after which it is given up, and undone.", gt=0, le=86400)
    ] = 60.0


class EnvironmentConfig(_Strict, frozen=True):
    """One environment: ``[environments.NAME]``."""

    model: Annotated[str, Meta(description="Registered model that serves here.")]
    alias: Annotated[
        str | None, Meta(description="Alias or stage that declares the version; default: the name.")
    ] = None
    protected: Annotated[bool, Meta(description="Acting asks for the name to be typed.")] = False
    target: Annotated[Target, Meta(description="What serves, and how to ask it.")] = field(
        default_factory=AliasTarget
    )
    verify: Annotated[VerifyConfig, Meta(description="When a change counts as done.")] = field(
        default_factory=VerifyConfig
    )


class TrackingConfig(_Strict, frozen=True):
    """The tracking store: ``[tracking]``."""

    uri: Annotated[str | None, Meta(description="As MLFLOW_TRACKING_URI; relative paths from this file.")] = (
        None
    )


class GitConfig(_Strict, frozen=True):
    """The repository: ``[git]``."""

    repo: Annotated[str | None, Meta(description="Folder of the repository; default: around this file.")] = (
        None
    )
    main: Annotated[str | None, Meta(description="Main branch; default: found.")] = None


class MetricsConfig(_Strict, frozen=True):
    """Which metrics matter and which way is better: ``[metrics]``."""

    primary: Annotated[str | None, Meta(description="The metric shown on Live.")] = None
    lower_is_better: Annotated[list[str], Meta(description="Metrics to minimise.")] = field(
        default_factory=list
    )
    higher_is_better: Annotated[list[str], Meta(description="Metrics to maximise.")] = field(
        default_factory=list
    )


class CompareConfig(_Strict, frozen=True):
    """What a comparison shows of the code between two commits: ``[compare]``."""

    include: Annotated[
        list[str],
        Meta(description="Files that are training code, as in .gitignore, e.g. src or *.py; default: all."),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str], Meta(description="Files that are none, likewise, e.g. docs or *.ipynb.")
    ] = field(default_factory=list)


class ToleranceConfig(_Strict, frozen=True):
    """How far a number of a rebuild may lie from the original's and still count as equal."""

    absolute: Annotated[float, Meta(description="Absolute difference.", ge=0)] = 0.0
    relative: Annotated[float, Meta(description="Part of the original's size.", ge=0)] = 1e-6


class RebuildConfig(_Strict, frozen=True):
    """How a run is made again: ``[rebuild]``."""

    command: Annotated[
        list[str],
        Meta(
            description="Command, word by word, where nothing else tells it; {name}: a parameter of the run."
        ),
    ] = field(default_factory=list)
    folder: Annotated[str, Meta(description="Folder it starts in, from the top of the repository.")] = "."
    environment: Annotated[
        Literal["recorded", "present"],
        Meta(description="recorded: the run's own packages, installed by uv; present: those that are there."),
    ] = "recorded"
    python: Annotated[
        str | None, Meta(description="Interpreter of the present environment; default: that of mlops-dash.")
    ] = None
    variables: Annotated[
        list[str],
        Meta(description="Names of environment variables that the command gets too, such as AWS_PROFILE."),
    ] = field(default_factory=list)
    hours: Annotated[float, Meta(description="Longest time of one command.", gt=0)] = 4.0
    memory: Annotated[float, Meta(description="Gigabytes of memory that it may take; 0: no limit.", ge=0)] = (
        0.0
    )
    disk: Annotated[
        float, Meta(description="Gigabytes that it may write into its folder; 0: no limit.", ge=0)
    ] = 0.0
    jobs: Annotated[int, Meta(description="Commands that run on this machine at the same time.", ge=1)] = 1
    runner: Annotated[
        Literal["local", "slurm", "ray"],
        Meta(description="Where the command runs: here, or on a cluster whose nodes see the same folders."),
    ] = "local"
    options: Annotated[
        list[str], Meta(description="Options of Slurm's sbatch, such as --partition=gpu or --gpus=1.")
    ] = field(default_factory=list)
    address: Annotated[
        str | None,
        Meta(description="Of Ray's dashboard; default: RAY_API_SERVER_ADDRESS, or http://127.0.0.1:8265."),
    ] = None
    resources: Annotated[
        dict[str, float],
        Meta(description="What Ray is to give a command: CPU, GPU, memory (bytes), or its own, by name."),
    ] = field(default_factory=dict)
    tolerance: Annotated[ToleranceConfig, Meta(description="Of metrics and predictions.")] = field(
        default_factory=ToleranceConfig
    )
    tolerances: Annotated[dict[str, ToleranceConfig], Meta(description="Of single metrics, by name.")] = (
        field(default_factory=dict)
    )
    ignore: Annotated[
        list[str], Meta(description="Metrics that are not compared, beside those of time and resources.")
    ] = field(default_factory=list)


class UiConfig(_Strict, frozen=True):
    """The dashboard: ``[ui]``."""

    refresh: Annotated[float, Meta(description="Seconds between refreshes.", ge=0.5)] = 5.0
    theme: Annotated[str | None, Meta(description="Name of a theme; ctrl+p lists them.")] = None


class Config(_Strict, frozen=True):
    """``mlops-dash.toml``."""

    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    git: GitConfig = field(default_factory=GitConfig)
    environments: dict[str, EnvironmentConfig] = field(default_factory=dict)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)
    rebuild: RebuildConfig = field(default_factory=RebuildConfig)
    ui: UiConfig = field(default_factory=UiConfig)
    keys: Annotated[dict[str, str], Meta(description='Command to key, e.g. refresh = "f5".')] = field(
        default_factory=dict
    )

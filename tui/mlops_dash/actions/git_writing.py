"""Runs git where objects are written and remotes are reached: the doors that a push needs are open.

Programs that the user names (a credential helper, ssh) are run; hooks, filters and the like that a repository
configures are not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.sources.git_runner import GitRunner

_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", ""),
    ("core.alternateRefsCommand", ""),
    ("core.attributesFile", os.devnull),
    ("core.pager", "cat"),
    ("diff.external", ""),
    ("diff.trustExitCode", "false"),
    ("log.showSignature", "false"),
    ("log.mailmap", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.prune", "false"),
    ("fetch.pruneTags", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.pushOption", ""),
    ("push.negotiate", "false"),
    ("push.useForceIfIncludes", "false"),
    ("user.useConfigOnly", "true"),
    ("i18n.commitEncoding", "UTF-8"),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("protocol.ext.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("color.ui", "false"),
)
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_KEPT = frozenset(
    "GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT "
    "GIT_ASKPASS GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_SSL_CAINFO "
    "GIT_SSL_CAPATH GIT_SSL_CERT GIT_SSL_KEY GIT_PROXY_SSL_CAINFO".split()
)


class GitWriter(GitRunner):
    """Runs git where something is written: as :class:`GitRunner`, but for the doors that a push needs."""

    configured: ClassVar[Sequence[tuple[str, str]]] = _SETTINGS
    environment: ClassVar[dict[str, str]] = _ENVIRONMENT
    kept: ClassVar[frozenset[str]] = _KEPT

    def answered(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        deadline: float = 15.0,
        settings: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Run a command and return what it said, whatever its exit code.

        Raises:
            GitError: it took too long, or could not be run.
        """
        with self._started(arguments, stdin, deadline, settings) as process:
            output = b"".join(iter(process.more, b""))
            code = process.finish(range(256))
            return Answer(code, output.decode("utf-8", "replace"), process.errors)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """Why it failed, in git's and the remote's own words, without secrets."""
        lines = [line.strip() for line in self.errors.splitlines()]
        told = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
        told = [line for line in told if line]
        own = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
        own = [line for line in own if not line.startswith("error: failed to push some refs")]
        words = " · ".join(told[:6]) or (own or lines or ["it gave no reason"])[0]
        return visible(scrub(re.sub(r"^(?:fatal|error): ", "", words)), 400)

"""The parts of README.md that are generated: ``python tests/readme_parts.py`` writes them anew.

A part stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from checkout import ROOT
from mlops_dash.config_file import schema
from mlops_dash.ui import commands

README = ROOT / "README.md"


def configuration() -> str:
    """Return the table of every setting, from the configuration's own schema."""
    structs = schema()["$defs"]
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for name, settings in structs["Config"]["properties"].items():
        if name == "environments":
            rows += _rows("[environments.NAME]", structs["EnvironmentConfig"])
            rows += _rows("[environments.NAME.verify]", structs["VerifyConfig"])
            for kind, target in structs["EnvironmentConfig"]["properties"]["target"]["discriminator"][
                "mapping"
            ].items():
                rows += _rows(f'target kind = "{kind}"', structs[target.rpartition("/")[2]])
        elif "$ref" in settings:
            rows += _rows(f"[{name}]", structs[settings["$ref"].rpartition("/")[2]])
        else:
            command = {"type": "string", "description": settings["description"]}
            rows += _rows(f"[{name}]", {"properties": {"COMMAND": command}})
    return "\n".join(rows) + "\n"


PARTS: dict[str, Callable[[], str]] = {"configuration": configuration, "keys": commands.markdown}


def part(name: str, text: str) -> str:
    """Return what stands in ``text`` between the marks of ``name``."""
    start, end = _marks(name)
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"README.md has not one part {name}")
    return text.partition(start)[2].partition(end)[0]


def replaced(name: str, text: str, new: str) -> str:
    """Return ``text`` with ``new`` between the marks of ``name``."""
    start, end = _marks(name)
    return text.replace(start + part(name, text) + end, start + new + end)


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->\n", f"<!-- /{name} -->"


def _rows(section: str, struct: dict[str, Any]) -> Iterator[str]:
    required = struct.get("required", [])
    for name, setting in struct["properties"].items():
        if name == "kind":
            continue
        if name == "target":
            kind, default = "table", '`{ kind = "alias" }`'
        else:
            kind, default = _type(setting), "required" if name in required else _default(setting)
        yield f"| `{section}` `{name}` | {kind} | {default} | {_cell(setting['description'])} |"


def _type(setting: dict[str, Any]) -> str:
    if "enum" in setting:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in setting["enum"])
    if "anyOf" in setting:
        return " or ".join(_type(choice) for choice in setting["anyOf"] if choice.get("type") != "null")
    if "$ref" in setting:
        return "table"
    if setting["type"] == "array":
        return f"list of {_type(setting['items'])}s"
    if isinstance(further := setting.get("additionalProperties"), dict):
        return f"table of {_type(further)}s"
    return {"integer": "whole number", "boolean": "true or false"}.get(setting["type"], str(setting["type"]))


def _default(setting: dict[str, Any]) -> str:
    value = setting.get("default")
    return "" if value in (None, [], {}) else f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write(name: str, new: str) -> None:
    """Put ``new`` between the marks of ``name`` in README.md."""
    README.write_text(replaced(name, README.read_text(encoding="utf-8"), new), encoding="utf-8")


def main() -> None:
    """Write the generated parts into README.md."""
    for name, generate in PARTS.items():
        write(name, generate())


if __name__ == "__main__":
    main()

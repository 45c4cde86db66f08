"""What a cell of a comparison stands for: its whole text, and where its lineage is."""

from __future__ import annotations

from mlops_dash.answers.compare_shapes import CompareAnswer, DataLine, TextLine
from mlops_dash.answers.node_ids import commit_id, data_id, environment_id, run_id, version_id
from mlops_dash.ui.widgets.side_by_side import SideRow

_TEXTS = ("param", "package", "signature", "tag")


def whole(answer: CompareAnswer, row: SideRow, place: int) -> tuple[str, str] | None:
    """Return the whole text of a cell and what it is, for the clipboard; ``None`` where there is none."""
    kind, _, name = row.key.partition("/")
    if kind == "metric":
        value = next((line.values[place] for line in answer.metrics if line.key == name), None)
        return (repr(value), name) if value is not None else None
    if kind in _TEXTS and row.cell is not None:
        line = next((line for line in _lines(answer, kind) if line.key == name), None)
        text = line.values[place] if line is not None else None
        return (text, name) if text is not None else None
    if kind == "data" and (found := _data(answer, row.key)) is not None:
        value_of = found.sources if row.key.endswith("/from") else found.digests
        text = value_of[place]
        return (
            (text, f"{found.name}'s {'source' if value_of is found.sources else 'digest'}") if text else None
        )
    if kind in ("code", "commit", "file"):
        return _code(answer, kind, name, row, place)
    if row.wide is not None:
        return "".join(part for part, _ in (*row.label, *row.wide)).strip(), "line"
    return None


def _code(answer: CompareAnswer, kind: str, name: str, row: SideRow, place: int) -> tuple[str, str] | None:
    if kind in ("commit", "file"):
        return name, "commit" if kind == "commit" else "path"
    code = answer.items[place].code
    if row.wide is not None:
        return "".join(part for part, _ in row.wide).strip(), "line"
    if code is None:
        return None
    if name == "subject" and code.subject:
        return code.subject, "subject"
    return (code.author, "author") if name == "author" and code.author else (code.commit, "commit")


def reference(answer: CompareAnswer, row: SideRow | None, place: int) -> str | None:
    """Return the reference by which the lineage of a cell is followed: of its dataset, its commit, else of
    its item."""
    kind, _, name = row.key.partition("/") if row is not None else ("", "", "")
    if row is not None and kind == "data" and (found := _data(answer, row.key)) is not None:
        digest = found.digests[place]
        return data_id(digest) if digest else None
    if kind == "commit":
        return commit_id(name)
    if kind == "code" and (code := answer.items[place].code) is not None:
        return commit_id(code.commit)
    return item_reference(answer, place)


def item_reference(answer: CompareAnswer, place: int) -> str:
    """Return the reference by which the lineage of an item is followed."""
    item = answer.items[place]
    if item.kind == "environment" and item.environment and item.model:
        return environment_id(item.environment, item.model)
    if item.kind == "version" and item.model and item.version:
        return version_id(item.model, item.version)
    return run_id(item.run_id) if item.run_id else item.ref


def _lines(answer: CompareAnswer, kind: str) -> tuple[TextLine, ...]:
    return {"param": answer.params, "package": answer.packages, "signature": answer.signature}.get(
        kind, answer.tags
    )


def _data(answer: CompareAnswer, key: str) -> DataLine | None:
    return next((line for line in answer.data if key.removesuffix("/from") == data_key(line)), None)


def data_key(line: DataLine) -> str:
    """Return the key of a dataset's row."""
    return f"data/{line.kind}/{line.name}/{line.context or ''}"

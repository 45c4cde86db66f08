"""The page of a report: its parts as the template shows them, and what the browser may run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
from mlops_dash.answers.report import words
from mlops_dash.answers.report.code import Between, between
from mlops_dash.answers.report.figures import Figure, curve_figures, primary_of
from mlops_dash.answers.report.look import Look, look
from mlops_dash.answers.report.parallel import parallel_figure
from mlops_dash.answers.report.plotly_script import digest, embeddable, plotly_script
from mlops_dash.answers.report.scatter import Axis, scatter_axes, scatter_figure
from mlops_dash.answers.report.tables import Cell, Table, group_table, tables

if TYPE_CHECKING:
    from jinja2 import Environment

# styles are not listed by hash: plotly.js adds its own while it runs. They cannot fetch anything either.
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)

_LARGE = 5_000  # cells from which on a browser should lay out only what is seen


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things compared, in words; empty where something is not known."""

    letter: str
    look: Look
    label: str
    kind: str
    note: str
    ref: str
    facts: tuple[tuple[str, str], ...]
    primary: Cell | None


@dataclass(frozen=True, slots=True)
class Part:
    """An entry of the contents: a section and what it comes to."""

    id: str
    title: str
    says: str
    differs: bool


def page(
    answer: CompareAnswer, curves: CurvesAnswer | None, title: str, primary: str | None
) -> Iterator[str]:
    """Yield the page in pieces."""
    chosen = primary_of(answer, primary)
    found = tables(answer)
    code = between(answer)
    drawn = curve_figures(answer, curves, chosen) if curves is not None else None
    parallel = parallel_figure(answer, chosen)
    axes, axes_left = scatter_axes(answer)
    first, second = _first_axes(axes, chosen)
    scatter = scatter_figure(answer, axes, first, second) if len(axes) > 1 else None
    figures = [*(drawn.figures if drawn else ()), *(figure for figure in (parallel, scatter) if figure)]
    script, plotly = embeddable(_file("page.js")), plotly_script() if figures else ""
    yield from (
        _environment()
        .get_template("page.html.jinja")
        .generate(
            title=words.line(title),
            when=words.moment(answer.as_of),
            when_iso=words.iso(answer.as_of),
            command=words.command([item.ref for item in answer.items], answer.baseline),
            policy=_POLICY.format(scripts=" ".join(digest(text) for text in (plotly, script) if text)),
            items=[_item(answer, place, chosen, found[0]) for place in range(len(answer.items))],
            baseline=answer.baseline,
            primary=None if chosen is None else words.line(chosen),
            parts=_parts(found, code),
            tables={table.id: table for table in found},
            large=sum(len(table.rows) for table in found) * len(answer.items) > _LARGE,
            groups=group_table(answer),
            code=code,
            curves=drawn,
            parallel=parallel,
            scatter=scatter,
            axes=[(words.line(axis.key), axis.kind) for axis in axes],
            axes_left=axes_left,
            chosen_axes=(first, second),
            css=_file("page.css"),
            script=script,
            plotly=plotly,
            facts=_facts(figures, axes if scatter else []),
        )
    )


@cache
def _file(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _first_axes(axes: list[Axis], primary: str | None) -> tuple[int, int]:
    """Return the places of the axes that the scatter begins with: another one across, the primary one up."""
    up = next((place for place, axis in enumerate(axes) if axis.kind == "metric" and axis.key == primary), 0)
    others = [place for place in range(len(axes)) if place != up]
    across = min(
        others, key=lambda place: (axes[place].kind != "metric", not axes[place].differs, place), default=up
    )
    return across, up


def _facts(figures: list[Figure], axes: list[Axis]) -> str:
    """Return what the page's script draws as JSON that may stand between script tags."""
    facts: dict[str, Any] = {
        "figures": {figure.id: {"data": figure.data, "layout": figure.layout} for figure in figures},
        "axes": [{"title": words.plotted(axis.key), "values": axis.values} for axis in axes],
    }
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))  # ASCII: no U+2028 either
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _item(answer: CompareAnswer, place: int, primary: str | None, metrics: Table) -> Item:
    item = answer.items[place]
    run, code = item.run, item.code
    facts = [("ref", item.ref)] if item.ref != item.label else []
    if run is not None:
        facts += [("run", run.name), ("experiment", run.experiment), ("by", run.user or "")]
        state = "deleted" if run.deleted else run.status.lower()
        facts.append(("started", ", ".join(part for part in (words.moment(run.started_at), state) if part)))
    elif item.run_id is None:
        facts.append(("run", "unknown"))
    if item.run_id is not None:
        facts.append(("run id", item.run_id))
    if code is not None:
        status = "" if code.status == "ok" else f" · {code.status}"
        facts.append(("commit", f"{code.commit[:10]}{status} {code.subject or ''}"))
    shown = tuple((name, words.line(value)) for name, value in facts if value)
    row = next((row for row in metrics.rows if primary and row.name.short == words.line(primary)), None)
    return Item(
        words.letter(place),
        look(place),
        words.line(item.label, 100),
        words.line(item.kind),
        words.line(item.note, 160),
        words.line(item.ref),
        shown,
        row.cells[place] if row else None,
    )


def _parts(found: list[Table], code: list[Between]) -> list[Part]:
    parts = [Part(table.id, table.title, _says(table), table.differing > 0) for table in found]
    apart = sum(part.status not in ("same", "unknown") for part in code)
    says = code[0].words if len(code) == 1 else f"{apart} of {words.plural(len(code), 'commit')} differ"
    parts.insert(3, Part("code", "Code", says if code else "nothing known", apart > 0))
    return parts


def _says(table: Table) -> str:
    if not table.total:
        return "unknown" if table.notes else "none"
    if not table.differing:
        return f"{table.total:,}, all the same"
    return f"{table.differing:,} of {table.total:,} differ"

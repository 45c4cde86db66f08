"""Render pictures of every screen from the running dashboard, on the sample project.

    python screenshots/render.py [FOLDER]

Writes an SVG for every screen, size and theme.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from mlops_dash.project import Project
    from mlops_dash.ui.dashboard import Dashboard

HERE = Path(__file__).resolve().parent
SIZES = ((160, 45), (80, 24))
SCREENS = {
    "live": (),
    "runs": ("2",),
    "compare": ("3",),
    "trace": ("v", "enter"),
    "plan": ("P", "enter"),
    "rebuild": ("B",),
    "history": ("5",),
    "jobs": ("6", "tab", "tab", "home"),
    "help": ("question_mark",),
}
ACTIONS = (
    ("rollback", "staging", "--to", "5", "--reason", "predictions drift since noon"),
    ("promote", "staging", "--to", "6", "--reason", "the feed is mended"),
    ("rebuild", "production", "--wait", "--reason", "can it still be made?"),
)
"""What happened before the pictures are taken."""
READY_WITHIN = 60.0  # seconds that the three model servers may take
USER = "dev1"  # whom the board names as having started the servers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=HERE)
    parser.add_argument("--png", action="store_true", help="write PNGs too; needs rsvg-convert")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"LOGNAME": USER, "USER": USER}
    with tempfile.TemporaryDirectory(prefix="mlops-dash-pictures-") as scratch:
        os.environ["MLOPS_DASH_STATE_DIR"] = f"{scratch}/state"
        os.environ["MLOPS_DASH_CACHE_DIR"] = f"{scratch}/cache"
        _render(Path(scratch) / "diabetes", folder)
    if options.png:
        for picture in folder.glob("*.svg"):
            subprocess.run(["rsvg-convert", "-o", picture.with_suffix(".png"), picture], check=True)


def _render(sample: Path, folder: Path) -> None:
    from mlops_dash import demo
    from mlops_dash.project import open_project

    demo.unpack(sample)
    problems = demo.start_story(sample)
    if problems:
        raise SystemExit("\n".join(problems))
    project = open_project(sample)
    try:
        _wait_healthy(project)
        for action in ACTIONS:
            program = [sys.executable, "-m", "mlops_dash", "--project", str(sample), *action, "--yes"]
            subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
        _wait_healthy(project)
        project.refresh()
        project.publish()
        for theme in ("dark", "light"):
            for size in SIZES:
                for screen, keys in SCREENS.items():
                    name = f"{screen}-{size[0]}x{size[1]}-{theme}"
                    svg = asyncio.run(_picture(sample, size, keys, theme))
                    _write(folder / f"{name}.svg", svg)
                    print(name, flush=True)
    finally:
        for environment in project.config.environments:
            project.down(environment)
        project.close()


def _wait_healthy(project: Project) -> None:
    until = time.monotonic() + READY_WITHIN
    project.refresh()
    while len(answers := [seen.answered for seen in project.observe()]) < 3 or not all(answers):
        if time.monotonic() > until:
            raise SystemExit("the model servers do not come up")
        time.sleep(0.5)


_CELL = 12.2  # width of a character in Textual's pictures
_TEXT = re.compile(r'<text class="([^"]*)" x="([^"]*)" y="([^"]*)" textLength="[^"]*" ([^>]*)>([^<]*)</text>')
_SPACE = "&#160;"


def _words(text: re.Match[str]) -> str:
    """Put each word of a text where it belongs: some viewers drop the blanks at a text's beginning."""
    kind, x, y, rest, content = text.groups()
    words, column = [], 0
    for word in re.split(f"((?:{_SPACE})+)", content):
        if word.startswith(_SPACE):
            column += len(word) // len(_SPACE)
        elif word.strip():
            width = len(html.unescape(word))
            left, length = round(float(x) + column * _CELL, 1), round(width * _CELL, 1)
            place = f'x="{left:g}" y="{y}" textLength="{length:g}"'
            words.append(f'<text class="{kind}" {place} {rest}>{word}</text>')
            column += width
    return "".join(words)


async def _picture(sample: Path, size: tuple[int, int], keys: tuple[str, ...], theme: str) -> str:
    """Run the dashboard on ``sample`` until it is filled, press ``keys``, and return what it shows."""
    from mlops_dash.project import open_project
    from mlops_dash.ui.app import Opening
    from mlops_dash.ui.dashboard import Dashboard

    app = Dashboard(Opening(lambda: open_project(sample)).start())
    async with app.run_test(size=size) as pilot:
        app.theme = f"mlops-dash-{theme}"
        await _until(pilot, app)
        await pilot.press(*keys)
        await pilot.pause(1.0)
        while app.reader is not None and not app.reader.idle:
            await pilot.pause(0.2)
        await pilot.pause(1.0)
        svg = app.export_screenshot(title="mlops-dash", simplify=True)
    app.let_go()
    return svg


def _filled(app: Dashboard) -> bool:
    """Tell whether every source was read and every target has answered."""
    if app.answer is None or len(app.answer.environments) < 3:
        return False
    answered = all(row.observed is not None and row.observed.answered for row in app.answer.environments)
    return answered and all(source.status in {"ok", "absent"} for source in app.sources)


async def _until(pilot: Pilot[None], app: Dashboard) -> None:
    until = time.monotonic() + READY_WITHIN
    while not _filled(app):
        if time.monotonic() > until:
            raise SystemExit(f"the dashboard does not fill: {app.sources} {app.answer}")
        await pilot.pause(0.1)


def _write(path: Path, svg: str) -> None:
    """Write the picture with fonts that the reader's machine has: Textual's would be fetched."""
    svg = _TEXT.sub(_words, svg)
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code,", "font-family: Fira Code, DejaVu Sans Mono,")
    path.write_text(svg, "utf-8")


if __name__ == "__main__":
    main()

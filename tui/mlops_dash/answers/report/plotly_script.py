"""plotly.js as a report holds it. The only module that knows the package plotly."""

from __future__ import annotations

import base64
import hashlib


def plotly_script() -> str:
    """Return plotly.js, 5 MB, as text that may stand between script tags."""
    from plotly.offline import get_plotlyjs

    return embeddable(str(get_plotlyjs()))


def embeddable(script: str) -> str:
    """Return a script with the line ends that a reader of HTML makes of them, and with nothing in it that
    would end it early."""
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def digest(script: str) -> str:
    """Return the source expression by which a Content-Security-Policy allows exactly this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"

"""The least that Textual does for a key: what P4 is measured against."""

from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import Static


class Echo(App[None]):
    """Says how many keys were pressed."""

    def compose(self) -> ComposeResult:
        self.pressed = 0
        yield Static("pressed 0 keys")

    def on_key(self, event: Key) -> None:
        self.pressed += 1
        self.query_one(Static).update(f"pressed {self.pressed} keys")


if __name__ == "__main__":
    Echo().run()

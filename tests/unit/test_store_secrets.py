"""What people log may hold addresses with secrets: the store does not keep those."""

from __future__ import annotations

from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.columns import Columns
from mlops_dash.store.database import Store


def test_passwords_and_signatures_in_addresses_are_not_kept() -> None:
    logged = {
        "https://h/a?X-Amz-Date=1&X-Amz-Signature=abc": "https://h/a",
        "at https://tok@git.example.com/a.git, https://h/b?sv=1&sig=abc": "at https://git.example.com/a.git, https://h/b",
        '{"url": "https://h/a?a=1\\u0026X-Goog-Signature=abc", "b": 2}': '{"url": "https://h/a", "b": 2}',
        "postgresql+psycopg2://dev1:hunter2@h/d": "postgresql+psycopg2://h/d",
        "https://h/a#access_token=abc": "https://h/a",
        "https://h/a?version=3&assign=1": "https://h/a?version=3&assign=1",
        "abfss://container@account.dfs.core.windows.net/x": "abfss://container@account.dfs.core.windows.net/x",
        "models:/wine@champion, a?b@c": "models:/wine@champion, a?b@c",
    }
    store = Store.open(None, "test")
    columns = Columns({"run_id": ["r"] * len(logged), "key": list(logged), "value": list(logged)})
    store.apply(Batch("tag", columns, Apply.REPLACE))
    assert dict(store.sql("select key, value from tag")[1]) == logged
    store.close()

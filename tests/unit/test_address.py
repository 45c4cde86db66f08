"""Addresses of tracking stores: their kinds, and that no secret of theirs is ever shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.domain.secrets import scrub
from mlops_dash.sources.mlflow.address import Address, absolute, shown


@pytest.mark.parametrize(
    ("uri", "kind", "scheme", "driver"),
    [
        ("sqlite:////a/b.db", "sqlite", "sqlite", None),
        ("sqlite+pysqlite:////a/b.db", "sqlite", "sqlite", "pysqlite"),
        ("postgresql://h/d", "postgresql", "postgresql", None),
        ("postgresql+psycopg2://h/d", "postgresql", "postgresql", "psycopg2"),
        ("postgres://h/d", "postgresql", "postgres", None),
        ("PostgreSQL+asyncpg://h/d", "postgresql", "postgresql", "asyncpg"),
        ("mysql+pymysql://h/d", "mysql", "mysql", "pymysql"),
        ("mariadb+mariadbconnector://h/d", "mysql", "mariadb", "mariadbconnector"),
        ("mssql+pyodbc://h/d", "mssql", "mssql", "pyodbc"),
        ("http://h:5000", "http", "http", None),
        ("https://h/mlflow", "http", "https", None),
        ("file:///a/mlruns", "files", "file", None),
        ("file:/a/mlruns", "files", "file", None),
        ("/a/mlruns", "files", "", None),
        ("mlruns", "files", "", None),
        ("C:\\runs", "files", "", None),
        ("a:b/c", "files", "", None),
        ("databricks", "databricks", "databricks", None),
        ("databricks://profile", "databricks", "databricks", None),
        ("uc:profile", "databricks", "uc", None),
        ("oracle+cx://h/d", "unknown", "oracle", "cx"),
        ("http:/h", "unknown", "http", None),
        ("dev1:hunter2@db/mlflow", "unknown", "", None),
    ],
)
def test_kinds(uri: str, kind: str, scheme: str, driver: str | None) -> None:
    address = Address.of(uri)
    assert (address.kind, address.scheme, address.driver) == (f"mlflow-{kind}", scheme, driver)


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("postgresql+psycopg2://dev1:hunter2@db.example.com:5432/mlflow", "postgresql+psycopg2://db.example.com:5432/mlflow"),
        ("postgresql://dev1:p/w?x@y#z@db/mlflow?sslmode=require", "postgresql://db/mlflow?sslmode=require"),
        ("mysql://db/mlflow?user=dev1&password=hunter2&charset=utf8", "mysql://db/mlflow?charset=utf8"),
        ("https://token@mlflow.example.com/base", "https://mlflow.example.com/base"),
        ("https://mlflow.example.com/#access_token=hunter2", "https://mlflow.example.com/"),
        ("https://h/a?X-Amz-Credential=a&X-Amz-Signature=b", "https://h/a"),
        ("https://h/a?sv=1&sig=b", "https://h/a"),
        ("postgresql://h/d?sslmode=a%20b;password", "postgresql://h/d"),
        ("dev1:hunter2@db/mlflow", "db/mlflow"),
        ("sqlite:////home/a@b/mlflow.db?timeout=5&key=hunter2", "sqlite:////home/a@b/mlflow.db?timeout=5"),
        ("file://dev1:hunter2@host/mlruns", "file://host/mlruns"),
        ("/home/a@b/mlruns", "/home/a@b/mlruns"),
        ("http://h:5000/", "http://h:5000/"),
    ],
)  # fmt: skip
def test_what_is_shown(uri: str, seen: str) -> None:
    assert shown(uri) == seen
    assert str(Address.of(uri)) == seen
    assert "hunter2" not in repr(Address.of(uri))


SECRET = "Zq9#Secret"  # in no other part of an address


@given(
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from(["http", "postgresql+psycopg", "mysql", "mssql+pyodbc", "x", "file"]),
    st.booleans(),
)
def test_no_password_is_ever_shown(noise: str, scheme: str, escaped: bool) -> None:
    password = quote(noise + SECRET, safe="") if escaped else noise + SECRET
    uri = f"{scheme}://dev1:{password}@host/db?password={password}&sig={password}"
    if scheme == "file" and "/" in password:
        return  # a path then
    for text in (shown(uri), repr(Address.of(uri)), f"{Address.of(uri)}"):
        assert "Secret" not in text


def test_a_password_that_was_used_is_scrubbed_wherever_it_stands() -> None:
    Address.of("mysql://dev1:Zq7%2FLearnt@h/d")
    assert scrub("using Zq7/Learnt, then Zq7%2FLearnt") == "using ***, then ***"
    assert (
        scrub('headers_env = { Authorization = "MY_TOKEN" }')
        == 'headers_env = { Authorization = "MY_TOKEN" }'
    )


def test_addresses_are_scrubbed_wherever_they_stand() -> None:
    assert scrub('at "postgresql://u:pw@h/d": no') == 'at "postgresql://***@h/d": no'
    assert scrub("GET https://h/a?X-Amz-Signature=abc failed") == "GET https://h/a?*** failed"
    assert scrub("see https://h/a, or b@c") == "see https://h/a, or b@c"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlruns", "/base/mlruns"),
        ("./mlruns", "/base/mlruns"),
        ("file:mlruns", "/base/mlruns"),
        ("file:./my%20runs", "/base/my runs"),
        ("file:///abs/mlruns", "/abs/mlruns"),
        ("file:/abs/mlruns", "/abs/mlruns"),
        ("file://localhost/abs/mlruns", "/abs/mlruns"),
        ("file://elsewhere/abs/mlruns", None),
        ("sqlite:///a.db", "/base/a.db"),
        ("sqlite://", None),
        ("http://h/", None),
    ],
)
def test_paths(uri: str, path: str | None) -> None:
    assert Address.of(absolute(uri, Path("/base"))).path == (Path(path) if path else None)


def test_the_address_without_a_driver() -> None:
    assert Address.of("postgres://u:p@h/d").plain == "postgresql://u:p@h/d"
    assert Address.of("postgresql+psycopg2://u:p@h/d").plain == "postgresql://u:p@h/d"
    assert Address.of("/a/mlruns").plain == "/a/mlruns"

"""Addresses as SQLAlchemy's users write them become libpq's, and tell no secret."""

from __future__ import annotations

import pytest

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.postgres.conninfo import conninfo


@pytest.mark.parametrize("driver", ["", "+psycopg2", "+psycopg", "+asyncpg", "+pg8000"])
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_every_driver_s_spelling_is_taken(scheme: str, driver: str) -> None:
    found = conninfo(f"{scheme}{driver}://me:secret@db.example:6432/runs")
    assert found.parameters == {
        "user": "me", "password": "secret", "host": "db.example", "port": "6432", "dbname": "runs",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql:///runs", {"dbname": "runs"}),
        ("postgresql://[::1]:5432/runs", {"host": "::1", "port": "5432", "dbname": "runs"}),
        ("postgresql://h/runs?host=/run/postgresql", {"host": "/run/postgresql", "dbname": "runs"}),
        ("postgresql:///runs?host=a:1&host=b:2", {"host": "a,b", "port": "1,2", "dbname": "runs"}),
        ("postgresql:///runs?host=a,b&port=1,2", {"host": "a,b", "port": "1,2", "dbname": "runs"}),
        ("postgresql://h/d?sslmode=verify-full", {"host": "h", "dbname": "d", "sslmode": "verify-full"}),
        ("postgresql+asyncpg://h/d?ssl=true", {"host": "h", "dbname": "d", "sslmode": "require"}),
        ("postgresql://h/d?prepare_threshold=3", {"host": "h", "dbname": "d"}),
        ("postgresql://u:a%40b%2Fc@h/d", {"user": "u", "password": "a@b/c", "host": "h", "dbname": "d"}),
        ("postgresql://u:a@b@h/d", {"user": "u", "password": "a@b", "host": "h", "dbname": "d"}),
    ],
)
def test_what_an_address_says(uri: str, expected: dict[str, str]) -> None:
    assert conninfo(uri).parameters == expected


def test_the_session_is_read_only_bounded_and_named() -> None:
    text = conninfo("postgresql://h/d?options=-csearch_path%3Dteam&application_name=x").text()
    for part in (
        "application_name='mlops-dash'",
        "options='-csearch_path=team -c default_transaction_read_only=on",
        "statement_timeout=60s",
        "connect_timeout='3'",
        "keepalives='1'",
    ):
        assert part in text


def test_fault_54_a_password_cannot_add_parameters() -> None:
    text = conninfo("postgresql://u:x%27%20host%3D%27evil%5C@h/d").text()
    assert r"password='x\' host=\'evil\\'" in text


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:s3cr3t@host:port/db",
        "postgresql://me:s3cr3t@ho st:5x/db",
        "postgresql://me:s3cr3t@[::1/db",
        "postgresql://me:s3cr3t%00@h/db",
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_its_secret(uri: str) -> None:
    with pytest.raises(SourceError) as caught:
        conninfo(uri)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.remedy


def test_no_secret_in_what_is_shown() -> None:
    found = conninfo("postgresql://me:s3cr3t@h/d?password=s3cr3t&sslpassword=s3cr3t&sslmode=require")
    assert "s3cr3t" not in repr(found)
    assert "me" not in found.shown
    assert found.shown == "postgresql://h/d?sslmode=require"

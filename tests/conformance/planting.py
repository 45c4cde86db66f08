"""A project with secrets wherever people put them, and the search for them in everything that was written."""

from __future__ import annotations

import base64
import lzma
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import duckdb

STORE = Path(__file__).parents[1] / "sources" / "stores" / "mlflow-2.22.1.db.xz"


MARK = b"KxLeakyWv"  # in every secret: it is searched for, in every way in which it may be written
_NAMED = re.compile(rb"Sq(\d\d)" + MARK)


def _ways(mark: bytes) -> tuple[bytes, ...]:
    # in base64 it looks different at each offset in a group of three; its ends depend on what is beside it
    encoded = [base64.b64encode(b"-" * shift + mark + b"-" * 3) for shift in range(3)]
    return mark, mark[::-1], mark.hex().encode(), *(text[4:12] for text in encoded)


_WAYS = _ways(MARK)


@dataclass
class Planted:
    """Secrets by where they were planted."""

    secrets: dict[str, str] = field(default_factory=dict)

    def secret(self, where: str, *, hostile: bool = False) -> str:
        """Make another one; a hostile one has in it what addresses are made of."""
        number = len(self.secrets) + 10
        self.secrets[where] = f"Sq{number:02d}{MARK.decode()}" + ("/?#@:%&'" if hostile else "")
        return self.secrets[where]

    def found_in(self, content: bytes) -> list[str]:
        """Tell which of them stand in some bytes, plain, reversed or encoded."""
        if not any(way in content for way in _WAYS):
            return []
        numbers = {int(number) - 10 for number in _NAMED.findall(content)}
        return [where for number, where in enumerate(self.secrets) if number in numbers] or ["encoded"]


def plant_environment(planted: Planted, home: Path) -> dict[str, str]:
    """Return environment variables with secrets in them, and write credential files to a home."""
    some = planted.secret
    environment = {
        name: some(f"variable {name}")
        for name in (
            "MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN "
            "AZURE_STORAGE_ACCESS_KEY DATABRICKS_TOKEN GITHUB_TOKEN PGPASSWORD MYSQL_PWD OPENAI_API_KEY "
            "SERVING_TOKEN SERVING_SECRET MLFLOW_FLASK_SERVER_SECRET_KEY"
        ).split()
    }
    key = some("variable AZURE_STORAGE_CONNECTION_STRING")
    environment |= {
        "MLFLOW_TRACKING_USERNAME": "dev1",
        "MLFLOW_REGISTRY_URI": f"https://dev1:{some('variable MLFLOW_REGISTRY_URI')}@registry.example.com",
        "MLFLOW_BACKEND_STORE_URI": f"mysql://dev1:{some('variable MLFLOW_BACKEND_STORE_URI')}@db/mlflow",
        "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=https;AccountKey={key}",
        "https_proxy": f"http://dev1:{some('variable https_proxy')}@127.0.0.1:9",
        "no_proxy": "127.0.0.1,localhost",
    }
    files = {
        ".mlflow/credentials": f"[mlflow]\nmlflow_tracking_username = dev1\n"
        f"mlflow_tracking_password = {some('file .mlflow/credentials')}\n",
        ".netrc": f"machine 127.0.0.1 login dev1 password {some('file .netrc')}\n",
        ".aws/credentials": f"[default]\naws_access_key_id = {some('file .aws id')}\n"
        f"aws_secret_access_key = {some('file .aws secret')}\n",
        ".databrickscfg": f"[DEFAULT]\nhost = https://example.com\ntoken = {some('file .databrickscfg')}\n",
        ".pgpass": f"127.0.0.1:*:*:dev1:{some('file .pgpass')}\n",
        ".my.cnf": f"[client]\npassword={some('file .my.cnf')}\n",
        ".git-credentials": f"https://dev1:{some('file .git-credentials')}@git.example.com\n",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    return environment


def plant_repository(planted: Planted, folder: Path) -> None:
    """Make a repository whose remotes, settings, commits and tags hold secrets."""
    some = planted.secret
    remotes = {
        "origin": f"https://dev1:{some('remote origin')}@git.example.com/wine.git",
        "token": f"https://{some('remote token')}@git.example.com/wine.git",
        "scp": f"dev1:{some('remote scp')}@git.example.com:wine.git",
    }
    message = f"Train\n\nfrom https://ci:{some('commit message')}@ci.example.com/job"
    subject = f"See https://ci:{some('commit subject')}@ci.example.com/job/2"
    (folder / "train.py").write_text("print('training')\n")
    words = [["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", message]]
    words += [["commit", "-q", "--allow-empty", "-m", subject]]
    words += [["tag", "-a", "wine@v1.0.0", "-m", f"https://ci:{some('tag message')}@ci.example.com/1"]]
    words += [["tag", "-a", "wine#production#1", "-m", "out"]]
    words += [["remote", "add", name, address] for name, address in remotes.items()]
    words += [["config", "http.extraHeader", f"Authorization: Bearer {some('setting http.extraHeader')}"]]
    words += [["config", f"url.https://{some('setting insteadOf')}@git.example.com.insteadOf", "work:"]]
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": "Ada Rask", f"GIT_{role}_EMAIL": "ada@example.com"}
    for arguments in words:
        subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **settings}, check=True)


def plant_store(planted: Planted, database: Path) -> None:
    """Write a tracking store whose addresses hold secrets, as people's stores do."""

    def signed(where: str) -> str:
        return f"https://bucket.example.com/a/b?X-Amz-Algorithm=A&X-Amz-Signature={planted.secret(where)}"

    def password(where: str, scheme: str = "https") -> str:
        return f"{scheme}://dev1:{planted.secret(where)}@store.example.com/a"

    database.write_bytes(lzma.decompress(STORE.read_bytes()))
    azure = f"wasbs://c@a.example.com/x?sv=2024&se=2030&sig={planted.secret('dataset profile')}"
    statements: list[tuple[str, tuple[str, ...]]] = [
        ("update runs set artifact_uri = ? where rowid = 1", (signed("artifact uri"),)),
        ("update runs set artifact_uri = ? where rowid = 2", (password("artifact uri's user"),)),
        ("update runs set source_name = ? where rowid = 1", (password("source name"),)),
        ("update runs set name = ? where rowid = 3", (f"run of {signed('run name')}",)),
        ("update experiments set artifact_location = ?", (signed("artifact location"),)),
        ("update datasets set dataset_source = ?", (f'{{"uri": "{signed("dataset source")}", "n": 1}}',)),
        ("update datasets set dataset_profile = ?", (f'{{"from": "{azure}"}}',)),
        ("update params set value = ? where rowid = 1", (password("parameter", "postgresql+psycopg2"),)),
        ("update params set value = ? where rowid = 2", (signed("signed parameter"),)),
        ("update tags set value = ? where key = 'note'", (f"see {signed('tag')} and so on",)),
        ("update model_versions set source = ? where version = 1", (signed("version's source"),)),
        ("update model_versions set source = ? where version = 2", (password("version's user", "s3"),)),
        ("update model_versions set storage_location = ? where version = 3", (signed("storage location"),)),
        ("update model_versions set description = ?", (f"from {password('version description')}",)),
        ("update registered_models set description = ?", (f"at {signed('model description')}.",)),
        ("update model_version_tags set value = ?", (password("version tag", "mysql+pymysql"),)),
    ]
    remote = f"https://{planted.secret('tag of the remote')}@git.example.com/wine.git"
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement, values in statements:
            connection.execute(statement, values)
        run = connection.execute("select run_uuid from runs where rowid = 1").fetchone()[0]
        connection.execute("insert into tags values ('mlflow.source.git.repoURL', ?, ?)", (remote, run))


def addresses(planted: Planted, port: int, closed: int, database: Path, folder: Path) -> dict[str, str]:
    """Return addresses of tracking stores: one that works, and those that fail in every way."""

    def address(where: str, scheme: str, at: int, rest: str = "/mlflow") -> str:
        secret = planted.secret(f"address {where}", hostile=True)
        return f"{scheme}://dev1:{quote(secret, safe='')}@127.0.0.1:{at}{rest}"

    def raw(where: str, scheme: str) -> str:
        return f"{scheme}://dev1:{planted.secret(f'address {where}', hostile=True)}@127.0.0.1:{closed}/mlflow"

    token = planted.secret("address query")
    return {
        "sqlite": f"sqlite:///{database}?timeout=5&password={planted.secret('address sqlite')}",
        "server": address("server", "http", port, ""),
        "server down": address("server down", "http", closed, ""),
        "no TLS": address("no TLS", "https", port, ""),
        "query": f"http://127.0.0.1:{closed}/?access_token={token}#token={token}",
        "postgresql": address("postgresql", "postgresql+psycopg2", closed),
        "postgresql elsewhere": address("postgresql elsewhere", "postgresql", port),
        "postgresql unescaped": raw("postgresql unescaped", "postgresql"),
        "mysql": address("mysql", "mysql+pymysql", closed),
        "mysql unescaped": raw("mysql unescaped", "mysql+pymysql"),
        "mssql": address("mssql", "mssql+pymssql", closed),
        "unknown": raw("unknown", "oracle+cx_oracle"),
        "no scheme": f"dev1:{planted.secret('address without a scheme')}@db.example.com/mlflow",
        "files": f"file://dev1:{planted.secret('address of files')}@host.example.com{folder}/mlruns",
    }


def configuration(port: int) -> str:
    """Return a configuration with a target that is sent secrets."""
    return f"""
[environments.production]
model = "quality"
alias = "Production"
[environments.production.target]
kind = "http"
url = "http://127.0.0.1:{port}/serve"
identity = "/version"
version = "$.version"
health = "/health"
[environments.production.target.headers_env]
Authorization = "SERVING_TOKEN"
X-Secret = "SERVING_SECRET"
"""


def everything_written(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield every file, and every text of every database: they are compressed on disk."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            yield str(path), path.read_bytes()
            if path.suffix == ".duckdb":
                yield from _texts(path)


def _texts(database: Path) -> Iterator[tuple[str, bytes]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns() where not internal "
            "and data_type = 'VARCHAR' and table_name in (select table_name from duckdb_tables())"
        ).fetchall()
        for table, column in columns:
            rows = connection.execute(
                f'select "{column}" from "{table}" where "{column}" is not null'
            ).fetchall()
            yield f"{database}: {table}.{column}", "\n".join(row[0] for row in rows).encode()

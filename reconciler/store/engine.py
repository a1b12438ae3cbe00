"""Opens the database and its transactions: SQLite embedded, PostgreSQL when a platform grows.

A write transaction takes its lock when it begins (BEGIN IMMEDIATE on SQLite), so that nothing read inside it can have
moved by the time it writes. A new SQLite file gets its schema by itself; an older schema is upgraded by command.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from reconciler.clock import ticks
from reconciler.errors import ConflictError, Igny8Error, LockedError, UnreachableError, UsageError
from reconciler.store.statements import run_text
from reconciler.store.view_sql import create_views, drop_views

__all__ = [
    "IN_MEMORY",
    "AlreadyThereError",
    "Connection",
    "Database",
    "advisory_lock",
    "connect",
    "is_new_file",
    "open_database",
    "schema_revision",
    "upgrade_schema",
]

SCHEMA_REVISION = "0016"
_BUSY_SECONDS = 10
_TOO_LARGE = "a number that was given is larger than any in the database"
_NUMBERS = "the lists show the numbers that there are, such as `igny8 content list`"
_QUEUE_SECONDS = 60.0
_REST_SECONDS = 5.0
IN_MEMORY = "sqlite://"


class AlreadyThereError(Exception):
    """A constraint refused a row: somebody else was first. The transaction was rolled back."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database that was opened; use `read` and `write` for transactions."""

    engine: Engine
    url: str

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads, with one consistent view."""
        with _translated(self.url), self.engine.connect() as connection:
            connection = connection.execution_options(igny8_begin="BEGIN")
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def write(self, *, is_durable: bool = True) -> Iterator[Connection]:
        """Open a transaction that writes; it commits when the block ends well and rolls back otherwise.

        On SQLite the writers of a process stand in a queue; with writers of other processes its busy handling deals. One
        that is not durable does not wait for the disk: it is whole and survives us, but a power failure may take it back.
        That is right for what dies with the process anyway, as a lease does.
        """
        with _translated(self.url), _queued(self), self.engine.connect() as connection:
            connection = connection.execution_options(igny8_begin="BEGIN IMMEDIATE")
            with _unhurried(connection) if not is_durable else contextlib.nullcontext(), connection.begin():
                if not is_durable and connection.dialect.name == "postgresql":
                    run_text(connection, "SET LOCAL synchronous_commit = off", None, returns_rows=False)
                yield connection

    @contextlib.contextmanager
    def write_once(self) -> Iterator[Connection]:
        """Open the way for one statement, which is a transaction by itself: PostgreSQL is told neither begin nor end."""
        if self.engine.dialect.name != "postgresql":
            with self.write() as connection:
                yield connection
            return
        with _translated(self.url), self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextlib.contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Let SQLite's commits in this block not wait for the disk."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous=NORMAL")
        yield
    finally:
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()


# The queues of writers of this process, by the URL of the SQLite file.
_QUEUES: dict[str, threading.Lock] = {}
os.register_at_fork(after_in_child=_QUEUES.clear)


@contextlib.contextmanager
def _queued(database: Database) -> Iterator[None]:
    """Wait in the queue of writers; LockedError when it does not move."""
    if database.engine.dialect.name != "sqlite" or database.url == IN_MEMORY:
        yield
        return
    queue = _QUEUES.setdefault(database.url, threading.Lock())
    if not queue.acquire(timeout=_QUEUE_SECONDS):
        raise LockedError(f"the database {_masked(database.url)} is locked by this process", hint="try again")
    try:
        yield
    finally:
        queue.release()


def open_database(url: str, *, upgrade: bool = False) -> Database:
    """Open a database by URL, with its schema in place.

    Raises UsageError for a URL that names no supported database, UnreachableError when it cannot be reached, and
    ConflictError when its schema is older or newer than this program, unless `upgrade` is given for an older one.
    """
    database = connect(url)
    try:
        _ensure_schema(database, upgrade=upgrade)
    except Igny8Error:
        database.close()
        raise
    return database


def is_new_file(url: str) -> bool:
    """Tell whether a URL names a SQLite file that does not exist yet."""
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        return False
    path = _sqlite_file(parsed)
    return path is not None and not path.exists()


def _sqlite_file(url: sa.URL) -> Path | None:
    """Return the file of a SQLite URL; None for another database, one in memory, or one named by a `file:` URI."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)


def connect(url: str) -> Database:
    """Return a database by URL as it is, without a look at its schema."""
    return Database(_make_engine(url), url)


def schema_revision(database: Database) -> str:
    """Return the revision of the database's schema, "" when it has none."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def advisory_lock(connection: Connection, name: str) -> None:
    """Hold a named lock until the transaction ends; SQLite's write transaction holds it already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def _make_engine(url: str) -> Engine:
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise UsageError(
            f"no database URL: {_masked(url)}", hint="sqlite:///PATH or postgresql://USER@HOST/NAME"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    if parsed.get_backend_name() == "postgresql":
        try:
            engine = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                connect_args={"connect_timeout": 10, "options": "-c idle_in_transaction_session_timeout=30000"},
            )
            _ping_after_rest(engine)
            return engine
        except ImportError as error:
            raise UnreachableError(
                "the PostgreSQL driver is not installed", hint="install igny8 with the extra: igny8[postgres]"
            ) from error
    raise UsageError(f"{parsed.get_backend_name()} is not supported", hint="use sqlite:///PATH or postgresql://...")


def _ping_after_rest(engine: Engine) -> None:
    """Ask a connection that rested whether it still lives; asking each time costs three ways to the server and back."""

    @event.listens_for(engine, "checkin")
    def rest(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = ticks()

    @event.listens_for(engine, "checkout")
    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if ticks() - record.info.get("rests_since", ticks()) < _REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise exc.DisconnectionError("the connection was lost while it rested") from error


def _sqlite_engine(url: sa.URL) -> Engine:
    file = _sqlite_file(url)
    if file is not None:
        folder = file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnreachableError(f"cannot make the folder {folder}: {error.strerror}") from error
    # `?timeout=SECONDS` in the URL sets how long to wait for another process's lock.
    timeout = float(str(url.query.get("timeout", _BUSY_SECONDS)))
    engine = sa.create_engine(
        url.difference_update_query(["timeout"]), connect_args={"timeout": timeout, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # we begin transactions ourselves
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("igny8_begin", "BEGIN IMMEDIATE"))

    return engine


def _ensure_schema(database: Database, *, upgrade: bool) -> None:
    revision = schema_revision(database)
    if revision == SCHEMA_REVISION:
        if upgrade:
            _renew_views(database)
        return
    if revision > SCHEMA_REVISION:
        raise ConflictError(
            f"the database's schema {revision} is newer than this igny8 ({SCHEMA_REVISION})", hint="upgrade igny8"
        )
    is_new_sqlite = revision == "" and database.engine.dialect.name == "sqlite"
    if not upgrade and not is_new_sqlite:
        what = f"has schema {revision}, this igny8 needs {SCHEMA_REVISION}" if revision else "has no schema yet"
        raise ConflictError(f"the database {what}", hint="run `igny8 db upgrade`")
    upgrade_schema(database)


def upgrade_schema(database: Database) -> None:
    """Bring the schema to the newest revision, in one transaction."""
    # Imported here: alembic costs time that no other command should pay.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as connection:
        advisory_lock(connection, "igny8-schema")
        config.attributes["connection"] = connection
        # Tables cannot be changed below views that read them.
        drop_views(connection)
        command.upgrade(config, "head")
        create_views(connection)


def _renew_views(database: Database) -> None:
    """Make the views as this program declares them: they may be of an older one with the same schema."""
    with database.write() as connection:
        advisory_lock(connection, "igny8-schema")
        create_views(connection)


# PostgreSQL's codes for a transaction that another one was in the way of: serialization, deadlock, lock not available.
_IN_THE_WAY = ("40001", "40P01", "55P03")


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what a database driver raises into what a user can act on."""
    try:
        yield
    except exc.OperationalError as error:
        text = str(error.orig).strip()
        place = _masked(url)
        if "database is locked" in text:
            raise LockedError(
                f"the database {place} is locked by another process", hint="wait for it, or stop it, and try again"
            ) from error
        if getattr(error.orig, "sqlstate", None) in _IN_THE_WAY:
            raise LockedError(f"the database {place} is busy: {text}", hint="nothing was changed; try again") from error
        if "full" in text and ("disk" in text or "device" in text):
            raise UnreachableError(f"no space left for {place}", hint="free space; nothing was changed") from error
        if "readonly" in text or "read-only" in text:
            raise UnreachableError(
                f"{place} cannot be written", hint="check the permissions of file and folder"
            ) from error
        raise UnreachableError(f"the database {place} cannot be used: {text}", hint="check --db / IGNY8_DB") from error
    except exc.IntegrityError as error:
        raise AlreadyThereError(str(error.orig)) from error
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise UsageError(_TOO_LARGE, hint=_NUMBERS) from error
    except exc.DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) == "22003":  # numeric value out of range
            raise UsageError(_TOO_LARGE, hint=_NUMBERS) from error
        if "not a database" in str(error.orig) or "malformed" in str(error.orig):
            raise UnreachableError(
                f"{_masked(url)} is no usable SQLite database: {error.orig}", hint="restore it, or choose another file"
            ) from error
        raise


def _masked(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except exc.ArgumentError:
        return "(unreadable)"

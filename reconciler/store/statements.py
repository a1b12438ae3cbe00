"""Statements of every call: made and compiled once, then handed to the driver as they are.

What SQLAlchemy does anew for each execution costs more than the execution. So `run` keeps a statement's text and what
turns its values into the driver's, and gives both to the driver's own cursor, within SQLAlchemy's transaction. Errors stay
SQLAlchemy's, and whoever listens to its events sees these statements, too. It is for statements whose results are plain:
numbers, texts, nothing; `find_rows` is for others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, event, exc
from sqlalchemy.engine import Dialect

_Convert = Callable[[Any], Any]

# SQLite takes so many thousand values a statement at most; no row of ours has more than forty.
_ROWS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Prepared:
    text: str
    fixed: Mapping[str, Any]
    converts: Mapping[str, _Convert]
    order: Sequence[str] | None
    returns_rows: bool

    def parameters(self, given: Mapping[str, Any]) -> Any:
        values = {**self.fixed, **given}
        for name, convert in self.converts.items():
            values[name] = convert(values[name])
        return values if self.order is None else tuple([values[name] for name in self.order])


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement came to: rows as the driver has them, and how many it touched."""

    rows: Sequence[tuple[Any, ...]]
    rowcount: int

    def one(self) -> tuple[Any, ...]:
        """Return the only row."""
        (row,) = self.rows
        return row

    def scalar_one(self) -> Any:
        """Return the first value of the only row."""
        return self.one()[0]

    def scalar(self) -> Any:
        """Return the first value of the first row, or None without any."""
        return self.rows[0][0] if self.rows else None


def run(
    connection: Connection, statement: sa.Insert | sa.Update | sa.Delete | sa.Select[Any], given: Mapping[str, Any]
) -> Result:
    """Execute a statement with these parameters."""
    prepared = _prepared(statement, connection.dialect, tuple(given))
    return run_text(connection, prepared.text, prepared.parameters(given), returns_rows=prepared.returns_rows)


def find_rows(connection: Connection, statement: sa.Select[Any], given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a statement, each value by its column's name and as its column's type has it."""
    columns = _columns(statement, connection.dialect)
    return [
        {name: value if read is None else read(value) for (name, read), value in zip(columns, row, strict=True)}
        for row in run(connection, statement, given).rows
    ]


def run_many(connection: Connection, statement: sa.Insert | sa.Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for each of these rows."""
    for row in rows:
        later(connection, statement, row)


def run_text(connection: Connection, text: str, parameters: Any, *, returns_rows: bool) -> Result:
    """Execute a statement that is in the driver's own form, with parameters as the driver wants them."""
    if connection.dispatch.before_cursor_execute:
        listened = connection.exec_driver_sql(text, parameters)
        return Result([tuple(row) for row in listened] if returns_rows else (), listened.rowcount)
    waiting = _WAITING.get(connection)
    if waiting:
        return _send(connection, [*waiting, _Waiting(text, parameters, returns_rows)])
    with _driver(connection, text) as cursor:
        cursor.execute(text, parameters)
        return Result(cursor.fetchall() if returns_rows else (), cursor.rowcount)


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    parameters: Any
    returns_rows: bool
    check: Callable[[Result], None] | None = None


# What waits to be sent, of the connections that send together.
_WAITING: WeakKeyDictionary[Connection, list[_Waiting]] = WeakKeyDictionary()


@contextlib.contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Let statements of `later` wait for the next one whose result is needed, or for the end of the block.

    On PostgreSQL, where each costs a way to the server and back; they arrive in their order. SQLite has none to save.
    """
    if connection.dialect.name != "postgresql" or connection.dispatch.before_cursor_execute:
        yield
        return

    def send_first(*_facts: Any) -> None:
        _flush(connection)

    _WAITING[connection] = []
    event.listen(connection, "before_execute", send_first)
    try:
        yield
        _flush(connection)
    finally:
        event.remove(connection, "before_execute", send_first)
        del _WAITING[connection]


def later(
    connection: Connection, statement: sa.Insert | sa.Update | sa.Delete, given: Mapping[str, Any],
    check: Callable[[Result], None] | None = None,
) -> None:  # fmt: skip
    """Execute a statement whose result nobody needs at once; `check` raises when it is not as it must be."""
    prepared = _prepared(statement, connection.dialect, tuple(given))
    later_text(connection, prepared.text, prepared.parameters(given), returns_rows=prepared.returns_rows, check=check)


def later_text(
    connection: Connection, text: str, parameters: Any, *, returns_rows: bool = False,
    check: Callable[[Result], None] | None = None,
) -> None:  # fmt: skip
    """Execute a statement in the driver's own form as `later` does."""
    waiting = _WAITING.get(connection)
    if waiting is not None:
        waiting.append(_Waiting(text, parameters, returns_rows, check))
        return
    result = run_text(connection, text, parameters, returns_rows=returns_rows)
    if check is not None:
        check(result)


def _flush(connection: Connection) -> None:
    waiting = _WAITING.get(connection)
    if waiting:
        _send(connection, list(waiting))


def _send(connection: Connection, statements: Sequence[_Waiting]) -> Result:
    """Send statements without waiting in between, and return the result of the last one."""
    _WAITING[connection].clear()
    with _driver(connection, "; ".join(one.text for one in statements)) as first:
        # Each needs a cursor of its own: it keeps the result.
        cursors = [first, *(first.connection.cursor() for _ in statements[1:])]
        with first.connection.pipeline():
            for one, cursor in zip(statements, cursors, strict=True):
                cursor.execute(one.text, one.parameters)
        results = [
            Result(cursor.fetchall() if one.returns_rows else (), cursor.rowcount)
            for one, cursor in zip(statements, cursors, strict=True)
        ]
    for one, result in zip(statements, results, strict=True):
        if one.check is not None:
            one.check(result)
    return results[-1]


@contextlib.contextmanager
def _driver(connection: Connection, text: str) -> Iterator[Any]:
    """Lend the driver's own cursor; what it raises is raised as SQLAlchemy would."""
    pooled = connection.connection
    cursor = pooled.cursor()
    try:
        yield cursor
    except _errors(connection.dialect) as error:
        is_lost = connection.dialect.is_disconnect(error, pooled, cursor)
        if is_lost:
            connection.invalidate(error)
        raise exc.DBAPIError.instance(
            text, None, error, _errors(connection.dialect), connection_invalidated=is_lost, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()


def _errors(dialect: Dialect) -> Any:
    assert dialect.loaded_dbapi is not None
    return dialect.loaded_dbapi.Error


def insert_row(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Insert a row."""
    later(connection, _insert(table), row)


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which all have the same columns, with one statement."""
    if len(rows) == 1:
        insert_row(connection, table, rows[0])
        return
    for start in range(0, len(rows), _ROWS_MAX):
        some = rows[start : start + _ROWS_MAX]
        given = {f"{name}_m{number}": value for number, row in enumerate(some) for name, value in row.items()}
        later(connection, _insert_many(table, tuple(some[0]), len(some)), given)


def insert_and_tell(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> int:
    """Insert a row and return its id."""
    return int(run(connection, _insert_returning(table), row).scalar_one())


def inserting(table: sa.Table, row: Mapping[str, Any]) -> tuple[sa.Insert, Mapping[str, Any]]:
    """Return the statement that inserts a row, for `later`."""
    return _insert(table), row


def updating(
    table: sa.Table, where: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[sa.Update, Mapping[str, Any]]:
    """Return the statement that gives the rows with these column values new ones, for `later`."""
    parameters = {f"w_{name}": value for name, value in where.items()}
    parameters.update((f"v_{name}", value) for name, value in values.items())
    return _update(table, tuple(where), tuple(values)), parameters


@cache
def _prepared(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Prepared:
    keys = list(names) if isinstance(statement, sa.Insert) and not statement._multi_values else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    assert "POSTCOMPILE" not in str(compiled), "a list of values has no one text"
    converts = {}
    # By the names of the text: a value that stands in the statement itself has another key beside its name.
    for bind, name in compiled.bind_names.items():
        convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            converts[name] = convert
    fixed = {name: value for name, value in compiled.params.items() if name not in names}
    order = tuple(compiled.positiontup) if compiled.positional else None
    returns_rows = isinstance(statement, sa.Select) or bool(statement._returning)
    return _Prepared(str(compiled), fixed, converts, order, returns_rows)


@cache
def _columns(statement: sa.Select[Any], dialect: Dialect) -> Sequence[tuple[str, Any]]:
    """Return the columns of a statement, each with what turns the driver's values into its type's, None for nothing."""
    columns = statement.selected_columns.items()
    return [(name, column.type.dialect_impl(dialect).result_processor(dialect, None)) for name, column in columns]


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return table.insert().inline()


@cache
def _insert_many(table: sa.Table, names: tuple[str, ...], rows: int) -> sa.Insert:
    return table.insert().values(
        [{name: bindparam(f"{name}_m{number}", type_=table.c[name].type) for name in names} for number in range(rows)]
    )


@cache
def _insert_returning(table: sa.Table) -> Any:
    return table.insert().returning(table.c.id)


@cache
def _update(table: sa.Table, where: tuple[str, ...], values: tuple[str, ...]) -> sa.Update:
    statement = table.update().where(*(table.c[name] == bindparam(f"w_{name}") for name in where))
    return statement.values({name: bindparam(f"v_{name}", type_=table.c[name].type) for name in values})

"""Statements of every call: made and compiled once, then handed to the driver as they are.

What SQLAlchemy does anew for each execution costs more than the execution. So `run` keeps a statement's text and what
turns its values into the driver's, and asks for nothing else. It is for statements whose results are plain: numbers,
texts, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, CursorResult, bindparam
from sqlalchemy.engine import Dialect

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Prepared:
    text: str
    fixed: Mapping[str, Any]
    converts: Mapping[str, _Convert]
    order: Sequence[str] | None

    def parameters(self, given: Mapping[str, Any]) -> Any:
        values = {**self.fixed, **given}
        for name, convert in self.converts.items():
            values[name] = convert(values[name])
        return values if self.order is None else tuple([values[name] for name in self.order])


def run(
    connection: Connection, statement: sa.Insert | sa.Update | sa.Delete | sa.Select[Any], given: Mapping[str, Any]
) -> CursorResult[Any]:
    """Execute a statement with these parameters; its results come as the driver has them."""
    prepared = _prepared(statement, connection.dialect, tuple(given))
    return connection.exec_driver_sql(prepared.text, prepared.parameters(given))


def run_many(connection: Connection, statement: sa.Insert | sa.Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for each of these rows, which all have the same columns."""
    prepared = _prepared(statement, connection.dialect, tuple(rows[0]))
    connection.exec_driver_sql(prepared.text, [prepared.parameters(row) for row in rows])


def insert_row(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Insert a row."""
    run(connection, _insert(table), row)


def insert_and_tell(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> int:
    """Insert a row and return its id."""
    return int(run(connection, _insert_returning(table), row).scalar_one())


def update_rows(connection: Connection, table: sa.Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Give the rows with these column values new ones; return how many there were."""
    parameters = {f"w_{name}": value for name, value in where.items()}
    parameters.update((f"v_{name}", value) for name, value in values.items())
    return run(connection, _update(table, tuple(where), tuple(values)), parameters).rowcount


@cache
def _prepared(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Prepared:
    keys = list(names) if isinstance(statement, sa.Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    assert "POSTCOMPILE" not in str(compiled), "a list of values has no one text"
    converts = {}
    # By the names of the text: a value that stands in the statement itself has another key beside its name.
    for bind, name in compiled.bind_names.items():
        convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            converts[name] = convert
    fixed = {name: value for name, value in compiled.params.items() if name not in names}
    return _Prepared(str(compiled), fixed, converts, tuple(compiled.positiontup) if compiled.positional else None)


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return table.insert().inline()


@cache
def _insert_returning(table: sa.Table) -> Any:
    return table.insert().returning(table.c.id)


@cache
def _update(table: sa.Table, where: tuple[str, ...], values: tuple[str, ...]) -> sa.Update:
    statement = table.update().where(*(table.c[name] == bindparam(f"w_{name}") for name in where))
    return statement.values({name: bindparam(f"v_{name}", type_=table.c[name].type) for name in values})

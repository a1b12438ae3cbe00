"""Makes the declared SQL views in the database.

They follow the program: they are made anew whenever the schema is upgraded, so nothing in the program reads them.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from reconciler.errors import ConflictError
from reconciler.store.views import TYPES, VIEWS, Column, View


def create_views(connection: Connection) -> None:
    """Make every view anew, for the schema and the declaration of now."""
    drop_views(connection)
    make = _sqlite_view if connection.dialect.name == "sqlite" else _postgres_view
    for view in VIEWS:
        connection.exec_driver_sql(make(view))


def drop_views(connection: Connection) -> None:
    """Take the views away. Raises ConflictError when views of somebody else are built on them."""
    there = set(sa.inspect(connection).get_view_names())
    for view in VIEWS:
        if view.name not in there:
            continue
        try:
            connection.exec_driver_sql(f"DROP VIEW {view.name}")
        except exc.InternalError as error:
            raise ConflictError(
                f"the view {view.name} cannot be made anew: other views are built on it",
                hint="drop those, run `igny8 db upgrade`, and make them again",
            ) from error


def _sqlite_view(view: View) -> str:
    source, spec = "resource r", "r.spec"
    for number, key in enumerate(view.entries):
        source += f", json_each({spec}, '$.\"{key}\"') e{number}"
        spec = f"e{number}.value"
    names = [f"r.name AS {_quoted('name')}"] if view.is_named else []
    names += [f"e{number}.key AS {_quoted(name)}" for number, name in enumerate(view.entry_keys)]
    if view.value_column:
        names.append(f"{spec} AS {_quoted(view.value_column)}")
    columns = [f"{_sqlite_value(spec, column)} AS {_quoted(column.name)}" for column in view.columns]
    return _select(view, [*names, *columns], source)


def _sqlite_value(spec: str, column: Column) -> str:
    path = "$" + "".join(f'."{key}"' for key in column.keys)
    if column.type == "json":
        return f"NULLIF({spec} -> '{path}', 'null')"
    value = f"json_extract({spec}, '{path}')"
    casts = {"integer": "INTEGER", "number": "REAL", "decimal": "REAL", "boolean": "INTEGER"}
    return f"CAST({value} AS {casts[column.type]})" if column.type in casts else value


def _postgres_view(view: View) -> str:
    # OFFSET 0 keeps the text from being parsed again for each column. A jsonb holds no NUL character.
    parsed = r"SELECT replace(r.spec, '\u0000', '\ufffd')::jsonb AS spec OFFSET 0"
    source, spec = f"resource r CROSS JOIN LATERAL ({parsed}) s", "s.spec"
    for number, key in enumerate(view.entries):
        source += f" CROSS JOIN LATERAL jsonb_each({spec} -> '{key}') e{number}"
        spec = f"e{number}.value"
    names = [f"r.name AS {_quoted('name')}"] if view.is_named else []
    names += [f"e{number}.key AS {_quoted(name)}" for number, name in enumerate(view.entry_keys)]
    if view.value_column:
        names.append(f"{spec} AS {_quoted(view.value_column)}")
    columns = [f"{_postgres_value(spec, column)} AS {_quoted(column.name)}" for column in view.columns]
    return _select(view, [*names, *columns], source)


def _postgres_value(spec: str, column: Column) -> str:
    path = "{" + ",".join(column.keys) + "}"
    if column.type == "json":
        return f"NULLIF({spec} #> '{path}', 'null'::jsonb)"
    value = f"({spec} #>> '{path}')"
    return value if column.type == "text" else f"{value}::{TYPES[column.type][0]}"


def _select(view: View, columns: list[str], source: str) -> str:
    record = ["r.uid", "r.generation", "r.applied_at", "r.created_at", "r.spec <> r.applied_spec AS is_drifted"]
    wanted = ", ".join([*columns, *record])
    return f"CREATE VIEW {view.name} AS SELECT {wanted} FROM {source} WHERE r.kind = '{view.kind}'"


def _quoted(name: str) -> str:
    return f'"{name}"'

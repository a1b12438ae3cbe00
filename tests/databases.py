"""Databases for tests, new ones and copies: to copy one that was prepared once takes a tenth of preparing it again."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import psycopg
from builder import World, write_root

from reconciler.clock import FixedClock
from reconciler.store.engine import Database, open_database

Preparation = Callable[[World], None]


class Databases(ABC):
    """Databases of one kind, for the tests of one worker. Each is a test's own: originals are copied, never handed out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = ""
        self._worlds: dict[Preparation, World] = {}
        self._opened: list[Database] = []

    @abstractmethod
    def empty(self, folder: Path) -> str:
        """Return the URL of a new database without anything in it."""

    @abstractmethod
    def _copy(self, url: str, folder: Path) -> str:
        """Copy a database to which nobody is connected; return the copy's URL."""

    def with_schema(self, folder: Path) -> Database:
        """Return a new database that has its schema and nothing else."""
        if not self._schema:
            url = self.empty(self._new_folder())
            open_database(url, upgrade=True).close()
            self._schema = url
        return self._open(self._copy(self._schema, folder))

    def world(self, prepare: Preparation, folder: Path) -> World:
        """Return the builder's world after a preparation, which is carried out once for all tests that ask for it."""
        if prepare not in self._worlds:
            place = self._new_folder()
            world = World(write_root(place / "root"), self.with_schema(place))
            prepare(world)
            world.database.close()
            self._worlds[prepare] = world
        original = self._worlds[prepare]
        root = shutil.copytree(original.root, folder / "root", symlinks=True)
        return World(root, self._open(self._copy(original.database.url, folder)), FixedClock(original.clock.now()))

    def end_test(self) -> None:
        """Close what the test has opened."""
        while self._opened:
            self._opened.pop().close()

    def _open(self, url: str) -> Database:
        self._opened.append(open_database(url))
        return self._opened[-1]

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))


class SqliteFiles(Databases):
    """A file `state.db` in the folder that is given."""

    def empty(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'state.db'}"

    def _copy(self, url: str, folder: Path) -> str:
        shutil.copyfile(url.removeprefix("sqlite:///"), folder / "state.db")
        return self.empty(folder)


class PostgresDatabases(Databases):
    """Databases of a real server, which are dropped when their test has ended."""

    def __init__(self, folder: Path, server: str, prefix: str) -> None:
        super().__init__(folder)
        self._server = server
        self._names = (f"{prefix}_{number}" for number in itertools.count())
        self._made: list[str] = []

    def empty(self, folder: Path) -> str:
        return self._create("template1")

    def _copy(self, url: str, folder: Path) -> str:
        return self._create(_name_of(url))

    def end_test(self) -> None:
        super().end_test()
        originals = {_name_of(url) for url in (self._schema, *(world.database.url for world in self._worlds.values()))}
        self._drop([name for name in self._made if name not in originals])

    def close(self) -> None:
        """Drop the originals, too."""
        super().end_test()
        self._drop(list(self._made))

    def _create(self, template: str) -> str:
        name = next(self._names)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            # Tests kill our processes, never the server's: no commit has to wait for the disk.
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        self._made.append(name)
        base, _, query = self._server.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}{'?' + query if query else ''}"

    def _drop(self, names: list[str]) -> None:
        if names:
            with psycopg.connect(self._server, autocommit=True) as connection:
                for name in names:
                    connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
                    self._made.remove(name)


def _name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]

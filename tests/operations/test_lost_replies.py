"""The database commits and its reply is lost: what was written is not written twice, and the run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from builder import ScriptedProvider, World, edited
from sqlalchemy import Connection

from reconciler.errors import LockedError, UnreachableError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.offline import make
from reconciler.providers.port import Completion, Failure
from reconciler.store.engine import Database
from reconciler.store.ledger import find_breaks
from reconciler.usage import Usage

OFFLINE = make(ProviderSpec(type="ai", adapter="offline"), {})
USELESS = Completion("rather not " * 1000, Usage(2000, 0, 1000))
# The first call of the stage fits its budget of 4 credits; with the useless answer in it the second one does not.
SHORT_OF_CREDITS = edited(
    "sites/blog.yaml", ("automation:", "stages: {content: {budget_pct: 1}}\nautomation:")
) | edited("accounts/acme.yaml", ("credits: 1000", "credits: 400"))


class LosingReplies(Database):
    """A database whose reply is lost once: to the first commit after which a query finds something."""

    once_there: str = ""
    lost: int = 0

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
        if type(self).lost == 0 and self.once_there:
            with self.read() as connection:
                found = connection.exec_driver_sql(self.once_there).first()
            if found is not None:
                type(self).lost += 1
                raise UnreachableError("the server closed the connection")


class Busy(Database):
    """A database that another process keeps locked when the first calls of a stage are admitted."""

    refused: int = 0

    @contextlib.contextmanager
    def write(self, *, is_durable: bool = True) -> Iterator[Connection]:
        with super().write(is_durable=is_durable) as connection:
            before = connection.exec_driver_sql("SELECT count(*) FROM attempt").scalar()
            yield connection
            is_admission = connection.exec_driver_sql("SELECT count(*) FROM attempt").scalar() != before
            if is_admission and type(self).refused < 3:
                type(self).refused += 1
                raise LockedError("the database is locked by another process")


def test_a_database_that_is_busy_when_calls_are_admitted_is_asked_again(world):
    world.apply()
    kind = type("Busy", (Busy,), {"__slots__": ()})
    world.database = kind(world.database.engine, world.database.url)
    assert world.run().failed == 0
    assert kind.refused == 3
    assert world.rows("SELECT DISTINCT status FROM attempt") == [("success",)]
    with world.database.read() as connection:
        assert find_breaks(connection) == ()


def losing(world: World, once_there: str) -> type[LosingReplies]:
    kind = type("LosingReplies", (LosingReplies,), {"once_there": once_there, "__slots__": ()})
    world.database = kind(world.database.engine, world.database.url)
    return kind


def first(function: str, answer: Completion) -> Callable:
    asked: list[int] = []

    def script(request, _):
        if request.function == function and not asked:
            asked.append(1)
            return answer
        return None

    return script


@pytest.mark.parametrize(
    ("answer", "once_there", "statuses"),
    [
        (None, "SELECT 1 FROM usage", ["success"]),
        (USELESS, "SELECT 1 FROM attempt WHERE status = 'error'", ["error", "success"]),
        (
            Completion("", Usage(), failure=Failure("transient", "HTTP 503")),
            "SELECT 1 FROM attempt WHERE status = 'error'", ["error", "success"],
        ),
        (Completion("", Usage(), failure=Failure("refused", "no")), "SELECT 1 FROM keyword WHERE attempts > 0", ["error"]),
    ],
    ids=["a charge", "an answer to be mended", "a miss", "a failure"],
)  # fmt: skip
def test_the_end_of_a_call_is_written_once(world, answer, once_there, statuses):
    world.apply()
    world.provider = ScriptedProvider(OFFLINE, first("auto_cluster", answer) if answer else lambda *_: None)
    database = losing(world, once_there)
    (result,) = world.run().results
    assert (result.state, database.lost) == ("completed", 1)
    ends = world.rows("SELECT status FROM attempt WHERE stage = 'clusters' ORDER BY number")
    assert [status for (status,) in ends] == statuses
    assert world.rows("SELECT max(attempts) FROM keyword") == [(int(statuses == ["error"]),)], "a failure counts once"
    assert_books_are_right(world)


def test_a_call_that_is_given_up_between_two_attempts_fails_its_item_once_and_the_run_goes_on(world):
    world.write(SHORT_OF_CREDITS)
    world.apply()
    world.provider = ScriptedProvider(
        OFFLINE, lambda request, _: USELESS if request.function == "generate_content" else None
    )
    database = losing(world, "SELECT 1 FROM task WHERE attempts > 0")
    (result,) = world.run().results
    assert (result.state, database.lost) == ("completed", 1), "nobody else had the call: it was this worker's own"
    assert world.rows("SELECT max(attempts) FROM task") == [(1,)]
    state, taken, failed = world.rows("SELECT state, taken, failed FROM stage_run WHERE stage = 'content'")[0]
    assert state in ("completed", "stopped") and taken == failed > 0
    assert_books_are_right(world)


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]
    assert world.rows("SELECT count(*) FROM usage") == world.rows(
        "SELECT count(*) FROM attempt WHERE status = 'success'"
    )

"""What an answer means that is well-formed and nothing that the site's API answers: the site is at fault, and only it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from reconciler.publishers.port import PublishFailure


class _Api(Protocol):
    @property
    def place(self) -> str: ...


class _Asking(Protocol):
    @property
    def api(self) -> _Api: ...


_Self = TypeVar("_Self", bound=_Asking)
_P = ParamSpec("_P")
_T = TypeVar("_T")


def of_shape(
    system: str,
) -> Callable[
    [Callable[Concatenate[_Self, _P], _T | PublishFailure]], Callable[Concatenate[_Self, _P], _T | PublishFailure]
]:
    """Make a failure of the site of an answer in a shape that a system does not have: a proxy's, or another program's."""

    def decorate(
        work: Callable[Concatenate[_Self, _P], _T | PublishFailure],
    ) -> Callable[Concatenate[_Self, _P], _T | PublishFailure]:
        @wraps(work)
        def inner(self: _Self, /, *args: _P.args, **more: _P.kwargs) -> _T | PublishFailure:
            try:
                return work(self, *args, **more)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                message = f"{self.api.place} answers in a shape that {system} does not have: {error!r}"
                return PublishFailure(message, "site", hint="look what answers there: a proxy, or a maintenance page")

        return inner

    return decorate

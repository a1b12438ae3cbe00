"""What an adapter needs before it can be made, said before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from reconciler.errors import UnreachableError


def need_extra(extra: str, *modules: str) -> None:
    """Raise UnreachableError when a library is not installed, naming the extra that brings it; imports nothing."""
    for module in modules:
        if find_spec(module) is None:
            raise UnreachableError(
                f"the library {module} is not installed", hint=f"install igny8 with the extra: igny8[{extra}]"
            )


def need_key(adapter: str, secrets: Mapping[str, str]) -> None:
    """Raise UnreachableError when there is no API key."""
    if not secrets.get("api_key"):
        raise UnreachableError(
            f"the adapter {adapter} needs an API key", hint="add `credentials: {api_key: {env: NAME}}` to the provider"
        )

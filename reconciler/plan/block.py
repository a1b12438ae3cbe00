"""What keeps a plan from being applied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """A reason why a plan must not be applied, and the flag that would allow it; "" when none does."""

    guard: str
    message: str
    flag: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the machine-readable form."""
        return {"guard": self.guard, "message": self.message, "flag": self.flag}

"""Environment: what differs where the same config runs a second time, such as on staging, as patches of resources."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from reconciler.kinds.fields import Name, Spec, Text

GLOB_PATTERN = r"^[a-z0-9.:@*?-]+$"
Glob = Annotated[str, StringConstraints(pattern=GLOB_PATTERN)]
PatchedKind = Literal[
    "Platform", "ProviderCatalog", "ModelCatalog", "TierCatalog", "IndustryCatalog", "Prompt", "Author", "Strategy",
    "Account", "Site",
]  # fmt: skip
_SINGLETONS = ("Platform", "ProviderCatalog", "ModelCatalog", "TierCatalog", "IndustryCatalog")


class Patch(Spec):
    """Changes resources of one kind, as if their files said so. First `remove`, then `set`; a later patch wins."""

    kind: PatchedKind = Field(description="The kind of the resources.")
    name: Glob | Annotated[tuple[Glob, ...], Field(min_length=1)] | None = Field(
        None, description="Only resources whose name fits, or fits one of a list; `*` and `?` stand for any text."
    )
    labels: dict[str, Text] = Field(
        default_factory=dict, description="Only resources whose file has all of these labels; `*` and `?` as in names."
    )
    set: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Keys and values as in the resource's own file. Mappings are merged, lists and values replaced.",
    )
    remove: tuple[Text, ...] = Field(
        (), description="Fields to take away, written as `igny8 explain` shows them, such as `stages.images.model`."
    )
    leave_out: bool = Field(False, description="The resources do not exist in this environment.")

    def model_post_init(self, _context: Any) -> None:
        if self.leave_out and (self.set or self.remove):
            raise PydanticCustomError("patch", "what is left out cannot be changed as well", {})
        if self.leave_out and self.kind in _SINGLETONS:
            raise PydanticCustomError("patch", "the only {kind} cannot be left out", {"kind": self.kind})
        if not (self.leave_out or self.set or self.remove):
            raise PydanticCustomError("patch", "a patch needs `set`, `remove` or `leave_out`", {})


class Environment(Spec):
    """What differs in one environment; chosen with `--env NAME`."""

    name: Name
    description: str = ""
    patches: tuple[Patch, ...] = Field((), description="In order: where two set the same field, the later wins.")

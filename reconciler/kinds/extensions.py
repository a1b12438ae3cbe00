"""What higher layers declare about themselves so that config can be checked against it.

A stage, an AI function, a publisher and a provider adapter live in one file each, above this layer. Each states its
declaration as a value; the composition root hands all of them to the compiler. So a new one needs no edit here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.kinds.fields import Spec
from reconciler.kinds.providers import DECLARABLE_ADAPTERS
from reconciler.wording import counted

ModelType = Literal["text", "image", "embedding"]
ModelChoice = Literal["testing", "live"]


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """An AI function that a Prompt can be written for."""

    name: str
    operation: str
    model_type: ModelType
    variables: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class StageDeclaration:
    """A pipeline stage: its place in a run and the defaults of its settings (domain section 5.1)."""

    key: str
    number: int
    title: str
    counts: str
    module: str
    account_module: str
    function: FunctionDeclaration | None
    batch_size: int | None
    per_run_limit: int
    budget_pct: int | None = None
    model: ModelChoice | None = None
    sentence: str = "{done}"
    noun: str = "item"

    def told(self, done: int, credits: int) -> str:
        """Return what came of the stage, as people are told, e.g. `Generated 3 images using 15 credits`."""
        return f"{self.sentence.format(done=counted(done, self.noun))} using {counted(credits, 'credit')}"

    def defaults(self) -> dict[str, object]:
        """Return the stage's settings when nobody wrote any."""
        settings: dict[str, object] = {"enabled": True, "per_run_limit": self.per_run_limit}
        if self.batch_size is not None:
            settings["batch_size"] = self.batch_size
        if self.function is not None:
            settings |= {"model": self.model, "budget_pct": self.budget_pct}
        return settings


@dataclass(frozen=True, slots=True)
class PublisherDeclaration:
    """A publisher type and the settings that its block in a Site takes.

    `carries_canonical`: its pages can name another address as canonical, so that it may be given copies.
    """

    name: str
    settings: type[Spec]
    carries_canonical: bool = False


@dataclass(frozen=True, slots=True)
class AdapterDeclaration:
    """A provider adapter that this program can drive; `takes_image_quality`: its image models have such a setting."""

    name: str
    provider_type: Literal["ai", "payment", "email"]
    takes_image_quality: bool = True


@dataclass(frozen=True, slots=True)
class Extensions:
    """Everything that registries above this layer declare."""

    stages: tuple[StageDeclaration, ...]
    publishers: tuple[PublisherDeclaration, ...]
    adapters: tuple[AdapterDeclaration, ...]
    improvements: tuple[StageDeclaration, ...] = ()

    @property
    def functions(self) -> tuple[FunctionDeclaration, ...]:
        """Return the AI functions: of the stages, which need a prompt each, then those on articles that are there."""
        return (*self.needed_functions, *(item.function for item in self.improvements if item.function is not None))

    @property
    def needed_functions(self) -> tuple[FunctionDeclaration, ...]:
        """Return the AI functions of the stages."""
        return tuple(stage.function for stage in self.stages if stage.function is not None)

    @property
    def adapter_names(self) -> tuple[str, ...]:
        """Return the adapters that a catalogue may name."""
        return tuple(dict.fromkeys((*DECLARABLE_ADAPTERS, *(adapter.name for adapter in self.adapters))))

    def stage(self, key: str) -> StageDeclaration:
        """Return the declaration of a stage; KeyError when there is none."""
        for stage in self.stages:
            if stage.key == key:
                return stage
        raise KeyError(key)

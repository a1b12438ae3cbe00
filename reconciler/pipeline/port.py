"""What a stage sees and what it answers with.

Items are rows by column name. A stage selects by plain equality, reads more through a reader, and returns inserts and
updates as values; a value may be an `Alias` of a row that the same outcome inserts. So a new stage needs no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from reconciler.kinds.account import Account
from reconciler.kinds.author import Author
from reconciler.kinds.extensions import Extensions, StageDeclaration
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.platform import Platform
from reconciler.kinds.prompt import Prompt
from reconciler.kinds.providers import ProviderCatalog
from reconciler.kinds.site import Site, StageSettings
from reconciler.kinds.strategy import Strategy
from reconciler.kinds.tiers import Tier
from reconciler.pipeline.duplicates import Near

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SiteContext:
    """Everything declared that concerns a run of one site, as the last apply left it.

    For items that stay on an older revision, `pinned_models` are the models by stage that it called, and `notes` say
    what of it can no longer be had.
    """

    site: Site
    account: Account
    platform: Platform
    models: ModelCatalog
    providers: ProviderCatalog
    prompts: Mapping[str, Prompt]
    author: Author | None
    strategy: Strategy | None
    tier: Tier | None
    generation: int
    extensions: Extensions
    pinned_models: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def settings(self, stage: StageDeclaration) -> StageSettings:
        """Return a stage's settings on this site."""
        return self.site.stages.get(stage.key) or StageSettings()

    def why_off(self, stage: StageDeclaration) -> str:
        """Return why a stage does not run on this site, "" when it does."""
        if not getattr(self.platform.modules, stage.module):
            return f"the module {stage.module} is off"
        if not getattr(self.account.modules, stage.account_module):
            return f"the account's module {stage.account_module} is off"
        return "" if self.settings(stage).enabled else "the stage is off on this site"

    def is_on(self, key: str) -> bool:
        """Tell whether a stage runs on this site."""
        return not self.why_off(self.extensions.stage(key))


class ItemReader(Protocol):
    """Reads items of one site."""

    def find(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return the items with these column values, oldest first; limit 0 = all."""
        ...

    def get(self, kind: str, item_id: int) -> Row:
        """Return one item; KeyError when there is none."""
        ...

    def select(self, kind: str, columns: Sequence[str], where: Row, *, newest: int = 0) -> Sequence[Row]:
        """Return some columns of the items with these column values, oldest first; the newest so many first if asked."""
        ...

    def near(self, kind: str, column: str, text: str) -> Near | None:
        """Return the text of an item that this one repeats, or None. For columns that never change."""
        ...


@dataclass(frozen=True, slots=True)
class Alias:
    """Stands for the id of a row that the same outcome inserts under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Insert:
    """A new item. The site, the time and empty columns are filled in."""

    kind: str
    values: Row
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """New values for an item."""

    kind: str
    item_id: int
    values: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """An item that goes: a slot that is given back."""

    kind: str
    item_id: int


Write = Insert | Update | Remove


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people are told of beside the outcome: an event and a sentence."""

    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage made of its items: the writes, and which items are done; those left out have failed with a reason."""

    writes: tuple[Write, ...] = ()
    done: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    summary: str = ""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """Image bytes that were checked and stored: where, and what they are."""

    sha256: str
    media_type: str
    width: int
    height: int
    size_bytes: int


class Stage(Protocol):
    """A stage of the pipeline: what it takes. `tier_limit` names the tier's limit on its items a month, if there is one.

    Where `counts_failures` is off, an item that fails stays as it is: it is not what is being made.
    """

    declaration: StageDeclaration
    item_kind: str
    pending: Row
    tier_limit: str = ""
    counts_failures: bool = True

    def why_idle(self, context: SiteContext) -> str:
        """Return why the stage, though it is on, leaves its items alone; "" when it takes them."""
        return ""

    def give_up(self, item: Row, reader: ItemReader) -> tuple[Insert | Update, ...]:
        """Return the writes for an item that is set aside after its last failure, besides the setting aside."""
        return ()


class LocalStage(Stage, Protocol):
    """A stage that needs no AI."""

    def work(self, context: SiteContext, items: Sequence[Row], reader: ItemReader, now: datetime) -> Outcome:
        """Return what becomes of the items."""
        ...


class TextStage(Stage, Protocol):
    """A stage that asks a text model: once for a whole batch, or once an item."""

    asks_per_batch: bool

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        """Return the variables of the prompt."""
        ...

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        """Return what the answer makes of the items, or why it is no answer."""
        ...


class ImageStage(Stage, Protocol):
    """A stage that asks an image model, once an item."""

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        """Return the variables of the prompt."""
        ...

    def read_picture(
        self, context: SiteContext, item: Row, picture: Picture, reader: ItemReader, made_by: MadeBy
    ) -> Outcome:
        """Return what the picture makes of the item."""
        ...


@dataclass(frozen=True, slots=True)
class MadeBy:
    """Which model made something, and whether it only stood in for one."""

    model: str
    simulated: bool
    prompt: str = ""

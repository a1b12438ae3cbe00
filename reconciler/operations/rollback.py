"""Goes back to what was declared at an earlier apply: by a patch of the config, or at once by the kept snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.compiler import compile_tree
from reconciler.config.resolve import Resolution
from reconciler.config.schema import Locator
from reconciler.config.tree import Tree, read_tree
from reconciler.errors import UsageError
from reconciler.ids import text_digest
from reconciler.kinds import kind_order
from reconciler.operations.app import EXTENSIONS, Installation
from reconciler.operations.apply import ApplyResult, Beside, apply
from reconciler.operations.history import find_apply
from reconciler.operations.patches import has_commit, patch_text, patch_to_commit
from reconciler.operations.plan import Planned, plan
from reconciler.operations.restore import restore
from reconciler.store.engine import Database
from reconciler.store.history import Applied, load_snapshot
from reconciler.store.quarantine import Quarantined
from reconciler.store.renames import names_since

Specs = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The origin of a resource that the history keeps; it stands in no file."""

    text: str

    def canonical(self) -> bytes:
        return self.text.encode()

    def resolution(self) -> Resolution:
        return Resolution({}, ())

    def locator(self) -> Locator:
        raise NotImplementedError("what the history keeps stands in no file")


@dataclass(frozen=True, slots=True)
class Way:
    """The way back: the apply to go to, the last one, and the plan that leads there."""

    to: Applied
    last: Applied
    compilation: Compilation
    planned: Planned

    @property
    def bad_config(self) -> tuple[str, str] | None:
        """Return digest and commit of the config that is left behind; None when it was the same config."""
        if self.last.config_digest == self.compilation.digest:
            return None
        return self.last.config_digest, self.last.revision


def compile_snapshot(installation: Installation, applied: Applied, specs: Specs) -> Compilation:
    """Return what was declared at an apply as if it were compiled now."""
    resources = sorted(
        (
            Resource(kind, name, f"generation {applied.generation}", text_digest(text), _Kept(text))
            for (kind, name), text in specs.items()
        ),
        key=lambda item: (kind_order(item.kind), item.name),
    )
    tree = Tree(installation.root, (), (), lambda: applied.revision)
    return Compilation(tree, tuple(resources), (), str(applied.plan.get("environment") or ""))


def find_way(installation: Installation, database: Database, generation: int) -> Way:
    """Return the way back to an apply. Raises UsageError when it is the last one, or there is none."""
    with database.read() as connection:
        to, last = find_apply(connection, generation), find_apply(connection, None)
        specs = load_snapshot(connection, generation)
        names = names_since(connection, generation)
    compilation = replace(compile_snapshot(installation, to, specs), moves=names)
    return Way(to, last, compilation, plan(database, compilation, installation.clock))


def roll_back(
    installation: Installation, database: Database, way: Way, *, reason: str, allowed_flags: Collection[str] = (),
    lock_timeout: float = 0, tell: Callable[[str], None] = lambda text: None,
) -> ApplyResult:  # fmt: skip
    """Apply the snapshot as a new generation, and put the config that is left behind into quarantine, together.

    Raises what an apply raises: the same guards hold.
    """
    if not reason:
        raise UsageError("a rollback needs a reason", hint="add --reason; it is kept in the history")
    quarantine = None
    if way.bad_config is not None:
        digest, revision = way.bad_config
        quarantine = Quarantined(digest, revision, f"rolled back to generation {way.to.generation}: {reason}")
    return apply(
        database, way.compilation, way.planned.plan, clock=installation.clock, actor=installation.actor,
        reason=reason, allowed_flags=allowed_flags, lock_timeout=lock_timeout, tell=tell,
        beside=Beside({"rollback_to": way.to.generation}, quarantine),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch that leads the config root back. `by` tells how it was made; what it could not say is `unexpressed`."""

    generation: int
    text: str
    by: Literal["git", "edits"]
    unexpressed: tuple[str, ...] = ()


def make_patch(installation: Installation, database: Database, generation: int) -> Patch:
    """Return the patch that leads the files of the root, as they are now, back to what an apply was made from.

    git gives it where the commit of the apply is clean and at hand, and was applied as a whole. Else the files are
    edited until they say what the database keeps.
    """
    with database.read() as connection:
        to = find_apply(connection, generation)
        specs = load_snapshot(connection, generation)
    is_whole = compile_snapshot(installation, to, specs).digest == to.config_digest
    if is_whole and "+" not in to.revision and has_commit(installation.root, to.revision):
        text = patch_to_commit(installation.root, to.revision)
        if text is not None:
            return Patch(generation, text, "git")
    today = installation.clock.now().date()

    def compiled(tree: Tree) -> Compilation:
        return compile_tree(tree, EXTENSIONS, today, installation.environment)

    restored = restore(read_tree(installation.root), specs, compiled)
    return Patch(
        generation, patch_text(installation.root, restored.before, restored.after), "edits", restored.unexpressed
    )

"""What a plan says beside its changes, in the words that all forms for people share: one function a subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cli.plan_formats.effects import in_flight_lines, keyword_lines, syndication_lines, unpublished_lines
from cli.plan_formats.grouping import FieldLine
from cli.plan_formats.wording import some_of, values_text
from reconciler.diagnostics import visible
from reconciler.operations.plan import Planned

Note = tuple[str, str]
_NAMES_MAX = 20


def beside_notes(planned: Planned) -> Iterator[Note]:
    """Yield style and text of each note."""
    for subject in _SUBJECTS:
        yield from subject(planned)


def _window(planned: Planned) -> Iterator[Note]:
    window = planned.plan.window
    if not window.open:
        opening = f"; it opens {window.opening}" if window.next_open else ""
        yield "warning", f"! sync window closed: {window.reason}{opening}"


def _held(planned: Planned) -> Iterator[Note]:
    for held in planned.plan.held:
        hold = held.hold
        what = f"{hold.ref} {hold.field}".rstrip()
        until = f"{hold.until:%Y-%m-%d %H:%M} UTC by {visible(hold.by, 80)}: {visible(hold.reason, 300)}"
        yield "dim", f"⏸ {visible(what, 200)}: held until {until}"
        if held.action == "delete":
            yield "dim", "    would be deleted"
        for field in held.fields:
            line = FieldLine(field.field, field.before, field.after, field.state, "")
            yield "dim", f"    {visible(field.field, 200)}: would go {values_text(line)}"


def _lingering(planned: Planned) -> Iterator[Note]:
    for item in planned.plan.lingering:
        verb = "is deleting" if item.since else "will be deleting"
        yield "warning", f"{item.ref} {verb}: waits for {visible(item.waits_for, 300)}"


def _unmanaged(planned: Planned) -> Iterator[Note]:
    if planned.plan.unmanaged:
        names = visible(some_of(planned.plan.unmanaged, _NAMES_MAX), 2000)
        yield "warning", f"unmanaged, left alone (no apply has made them): {names}"


def _effects(planned: Planned) -> Iterator[Note]:
    for lines, style in (
        (in_flight_lines(planned.plan.in_flight), "head"),
        (keyword_lines(planned.plan.keywords), "change"),
        (syndication_lines(planned), "change"),
        (unpublished_lines(planned), "remove"),
    ):
        for line in lines:
            yield style, visible(line, 600)


def _suggestions(planned: Planned) -> Iterator[Note]:
    for suggestion in planned.plan.suggestions:
        yield "dim", f"hint: {visible(suggestion, 600)}"


_SUBJECTS: tuple[Callable[[Planned], Iterator[Note]], ...] = (
    _window,
    _held,
    _lingering,
    _unmanaged,
    _effects,
    _suggestions,
)

"""Waivers: findings that somebody accepts until a day. Pure: findings and waivers in, what counts and what does not out.

Warnings can be waived, and the violations of policies, which have codes of their own. A waiver never hides a mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from reconciler.config.globs import selects
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import CODES, Diagnostic, Mark, Severity, find_code
from reconciler.kinds.waiver import Waiver

POLICY_CODES = ("IG601", "IG602")
_OWN_CODES = ("IG120", "IG121", "IG122", "IG123")
_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class PlacedWaiver:
    """A waiver, its number in the list, and where it stands: the place of the whole, of its code, of its last day."""

    waiver: Waiver
    file: str
    number: int
    mark: Mark
    code_mark: Mark
    expires_mark: Mark

    @property
    def expires_on(self) -> date:
        """Return the last day that the waiver holds."""
        return date.fromisoformat(self.waiver.expires)

    def fits(self, finding: Diagnostic, resource: str) -> bool:
        """Tell whether a finding about a resource, given as `kind/name`, is one of those that are waived."""
        waiver = self.waiver
        return (
            finding.code == waiver.code
            and selects(waiver.resource, resource)
            and (waiver.field is None or selects(waiver.field, finding.field))
            and (waiver.policy is None or selects(waiver.policy, finding.policy))
        )


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that does not count, and the waiver that says so."""

    finding: Diagnostic
    by: PlacedWaiver

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        waiver = self.by.waiver
        return {
            **self.finding.to_json(),
            "waiver": {
                "reason": waiver.reason,
                "owner": waiver.owner,
                "expires": waiver.expires,
                "file": self.by.file,
                "line": self.by.mark.line,
            },
        }


def waive(
    findings: Iterable[Diagnostic], waivers: Sequence[PlacedWaiver], *, today: date, resources: Mapping[str, str]
) -> tuple[tuple[Diagnostic, ...], tuple[Waived, ...]]:
    """Return the findings that count, and those that are waived, each by the first waiver in force that fits.

    `resources` maps files to the `kind/name` that they declare, for findings that do not say what they are about.
    """
    in_force: dict[str, list[PlacedWaiver]] = {}
    for placed in waivers:
        if placed.expires_on >= today:
            in_force.setdefault(placed.waiver.code, []).append(placed)
    counting: list[Diagnostic] = []
    waived: list[Waived] = []
    for finding in findings:
        about = shown_ref(finding.resource or resources.get(finding.file, finding.file))
        candidates = in_force.get(finding.code, ()) if is_waivable(finding) else ()
        by = next((placed for placed in candidates if placed.fits(finding, about)), None)
        if by is None:
            counting.append(finding)
        else:
            waived.append(Waived(replace(finding, resource=about), by))
    return tuple(counting), tuple(waived)


def shown_ref(ref: str) -> str:
    """Return a `kind/name` as people write it: a catalogue is just its kind."""
    kind, _, name = ref.partition("/")
    return kind if kind == name else ref


def shown_once(waived: Iterable[Waived]) -> tuple[Waived, ...]:
    """Return waived findings in the order in which they are shown, one a code and place."""
    first: dict[tuple[object, ...], Waived] = {}
    for item in sorted(waived, key=lambda item: (*item.finding.sort_key, item.finding.resource)):
        finding = item.finding
        first.setdefault((finding.code, finding.file, finding.mark, finding.message), item)
    return tuple(first.values())


def is_waivable(finding: Diagnostic) -> bool:
    """Tell whether a finding may be waived at all."""
    is_minor = finding.severity == "warning" or finding.code in POLICY_CODES
    return is_minor and finding.code not in _OWN_CODES


def check_waivers(
    waivers: Iterable[PlacedWaiver], used: Collection[PlacedWaiver], errors: Iterable[Diagnostic], *, today: date
) -> Iterator[Diagnostic]:
    """Yield what is wrong with waivers: expired, about to, unused, or for a code that cannot be waived.

    A waiver of a policy may be for one on plans, so whether it is used cannot be told here.
    """
    refused = {finding.code for finding in errors if not is_waivable(finding)}
    for placed in waivers:
        waiver = placed.waiver
        left = placed.expires_on - today
        if find_code(waiver.code) is None and waiver.code not in POLICY_CODES:
            hint = did_you_mean(waiver.code, [entry.code for entry in CODES]) or "igny8 explain"
            yield _finding(placed, "IG123", f"there is no code {waiver.code}", "code", hint)
        elif waiver.code in _OWN_CODES or (waiver.code in refused and placed not in used):
            hint = "only warnings and violated policies are waived; mend what it says"
            yield _finding(placed, "IG123", f"{waiver.code} cannot be waived", "code", hint)
        elif left.days < 0:
            words = f"the waiver of {waiver.code} has expired: {waiver.expires}"
            yield _finding(placed, "IG121", words, "expires", f"mend the finding, or ask {waiver.owner} for a new day")
        else:
            if left <= _SOON:
                days = f"in {left.days} day{'' if left.days == 1 else 's'}" if left.days else "today"
                words = f"the waiver of {waiver.code} expires {days}"
                hint = f"{waiver.owner} answers for it"
                yield _finding(placed, "IG122", words, "expires", hint, is_error=False)
            if placed not in used and waiver.code not in POLICY_CODES:
                words = f"no {waiver.code} of {waiver.resource} is there to be waived"
                yield _finding(placed, "IG120", words, "", "remove the waiver, or mend what it selects", is_error=False)


def _finding(
    placed: PlacedWaiver, code: str, message: str, key: str, hint: str, *, is_error: bool = True
) -> Diagnostic:  # fmt: skip
    mark = {"code": placed.code_mark, "expires": placed.expires_mark}.get(key, placed.mark)
    field = f"waivers[{placed.number}]{'.' + key if key else ''}"
    severity: Severity = "error" if is_error else "warning"
    return Diagnostic(code, message, placed.file, mark, field, hint, severity, "platform")

"""Findings about user input: values with a stable code, a place and a hint. They are collected, never raised."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: 1-based line and column, and how many characters it spans."""

    line: int = 1
    column: int = 1
    length: int = 1


_LENGTHS_MAX = {"message": 600, "hint": 600, "field": 200, "file": 4096}


def visible(text: str, length_max: int) -> str:
    """Return a text with escapes for what cannot be shown (control and direction characters), cut with an ellipsis."""
    text = text if len(text) <= length_max else text[: length_max - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what is wrong, where, and what to do next.

    `resource` is the `kind/name` that a rule was about. `policy` is the rule that was violated, as POLICY/RULE; "" for
    what the program itself checks. `environment` is the one that the finding appears in; "" where it holds without any.
    """

    code: str
    message: str
    file: str
    mark: Mark = Mark()
    field: str = ""
    hint: str = ""
    severity: Severity = "error"
    resource: str = dataclasses.field(default="", compare=False)
    environment: str = ""
    policy: str = ""

    def __post_init__(self) -> None:
        """Keep what people wrote from flooding or steering a terminal: texts are one line, short, and printable."""
        for name, length_max in _LENGTHS_MAX.items():
            text = getattr(self, name)
            if len(text) > length_max or not text.isprintable():
                object.__setattr__(self, name, visible(text, length_max))

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Return the stable order in which findings are shown."""
        return (self.file, self.mark.line, self.mark.column, self.code, self.message)

    def to_json(self) -> dict[str, object]:
        """Return the machine-readable form."""
        where = {"policy": self.policy} if self.policy else {}
        where |= {"environment": self.environment} if self.environment else {}
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
            **where,
        }


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings without repetitions, in the order in which they are shown."""
    return tuple(sorted(set(findings), key=lambda finding: finding.sort_key))


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding is an error."""
    return any(finding.severity == "error" for finding in findings)


def format_path(path: FieldPath) -> str:
    """Return a field path as people write it, e.g. `publishing.time_slots[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What a code means, for `igny8 explain CODE` and the reference."""

    code: str
    title: str
    text: str


CODES: tuple[CodeEntry, ...] = (
    CodeEntry("IG101", "file cannot be read", "The config root, or a file in it, is missing or cannot be opened. Check the path given with -C and the file's permissions."),
    CodeEntry("IG102", "not UTF-8", "Config files are UTF-8 text. Save the file as UTF-8; the column points at the first byte that is not."),
    CodeEntry("IG103", "YAML syntax", "The text is not YAML 1.2. The position is where the parser gave up; the mistake is there or just before."),
    CodeEntry("IG104", "file is too large or too deep", "Files are limited to 1 MiB, 64 levels of nesting and 10,000 aliased nodes, so that no pull request can stall CI or the daemon."),
    CodeEntry("IG105", "duplicate key", "A key stands twice in one mapping; other tools would silently keep only one. Remove one of them."),
    CodeEntry("IG106", "unknown file", "Inside the folders that igny8 reads, every file must be one it knows. Move notes elsewhere, or mend the name or ending."),
    CodeEntry("IG107", "kind or apiVersion", "Every document starts with `apiVersion: igny8/v1` and the `kind:` that its place asks for."),
    CodeEntry("IG108", "name", "Names are lower-case letters, digits and hyphens (at most 63, starting with a letter or digit) and equal the file's name."),
    CodeEntry("IG109", "declared twice, or not at all", "One name is declared once per kind; Platform and the catalogues exist exactly once."),
    CodeEntry("IG110", "YAML feature that is not allowed", "Tags, directives, merge keys and several documents in one file are refused, and so are numbers beyond 64 bits, NaN and infinity: a reader must see the value in the text."),
    CodeEntry("IG111", "path leaves the config root", "Links and referenced files must stay inside the config root."),
    CodeEntry("IG112", "keyword list", "A keyword CSV has a header with the column `keyword` and, if you like, `volume` (a whole number or empty) and `intent`."),
    CodeEntry("IG115", "patch matches nothing", "A patch of an environment selects no resource: no file has such a name and all of these labels. Nothing is changed by it."),
    CodeEntry("IG116", "field cannot be patched", "An environment changes fields that the kind has, in the form of the resource's own file: nested mappings, lists as a whole. Its name, a prompt's text and empty values are not set by patches; `remove` takes paths as `igny8 explain` shows them."),
    CodeEntry("IG117", "removes nothing", "None of the resources that the patch selects has this field in its file, so there is nothing to remove. Inherited values and defaults are changed where they are written, or with `set`."),
    CodeEntry("IG118", "there is no such environment", "The environment that was chosen has no file in `environments/`."),
    CodeEntry("IG120", "waiver is not used", "The waiver fits no finding. Either the finding is gone, and the waiver can go too, or its code, resource or field is mistyped."),
    CodeEntry("IG121", "waiver has expired", "The day of the waiver has passed, so what it waived counts again. Mend the finding, or agree with the owner on a new day."),
    CodeEntry("IG122", "waiver expires soon", "The waiver expires within 14 days. From the day after, it is an error and what it waived counts again."),
    CodeEntry("IG123", "code cannot be waived", "Warnings and violated policies can be waived. Errors, and findings about waivers themselves, cannot."),
    CodeEntry("IG125", "older version", "The file is written in an older version of the config language. It is still read; `igny8 migrate` writes it in the current one and keeps comments."),
    CodeEntry("IG130", "names differ only in case", "Two files whose names differ only in the case of letters are one file on macOS and Windows: a checkout there loses one of them. Rename one."),
    CodeEntry("IG131", "keyword listed twice", "A keyword stands twice in one list, in the same or another case. The second adds nothing; remove it."),
    CodeEntry("IG132", "more mistakes than are shown", "A file with very many mistakes is told about with the first hundred. Mend those, and the rest is shown."),
    CodeEntry("IG133", "moved from a name that is not free", "`moved` names what a resource was called before. That name belongs to nobody else: it is declared no more, and one resource claims it. To rename in a circle, or to reuse a name, apply one step after the other."),
    CodeEntry("IG201", "unknown key", "The key is not part of this kind. `igny8 schema show KIND` lists the keys."),
    CodeEntry("IG202", "wrong type", "The value has another type than the field asks for. Nothing is converted silently: \"5\" is no number and 5 is no text."),
    CodeEntry("IG203", "time is not HH:MM", "Times are quoted, with two digits each, on the 24-hour clock: \"09:00\"."),
    CodeEntry("IG204", "value out of range", "The value lies outside of what the field accepts."),
    CodeEntry("IG205", "not one of the allowed values", "The field takes one of a fixed list of values."),
    CodeEntry("IG206", "missing key", "A key without a default is missing."),
    CodeEntry("IG207", "not an exact amount", "Amounts of money are quoted decimal strings in USD with at most nine decimals: \"0.00125\"."),
    CodeEntry("IG208", "word of the legacy platform", "The field was removed; the hint names its replacement."),
    CodeEntry("IG209", "literal secret", "API keys are never written into config. Use a reference: {env: NAME}, {file: PATH} or {sops: PATH, key: NAME}."),
    CodeEntry("IG210", "value is not accepted", "The value has the right type but the field cannot take it; the message says why."),
    CodeEntry("IG211", "prompt template", "The body of a prompt is a Jinja2 template: it must parse, and it may use only variables that its function offers and its front matter names."),
    CodeEntry("IG212", "time is not quoted", "igny8 reads 14:00 as text, as YAML 1.2 says, but tools that follow YAML 1.1 read a number of minutes (840). Quote it: \"14:00\"."),
    CodeEntry("IG213", "yes, no, on or off without quotes", "igny8 reads these words as text, as YAML 1.2 says, but tools that follow YAML 1.1 read true or false. Quote the word, or write true or false where a yes-or-no is meant."),
    CodeEntry("IG301", "reference to nothing", "The name that is referred to is declared nowhere in this config root."),
    CodeEntry("IG302", "reference to something unfit", "The name exists but cannot be used here: it is inactive, of another type, or belongs to another account."),
    CodeEntry("IG303", "alias means two models", "An alias stands for exactly one model: it is neither the name nor an alias of another one."),
    CodeEntry("IG304", "model refers to itself", "`replaced_by` and `fallbacks` lead to other models. A model that is its own fallback, or is replaced in a circle, leaves nobody to turn to."),
    CodeEntry("IG401", "Live and Testing models", "Per type in use exactly one active `default` model that is not testing (Live) and at most one active `testing` model."),
    CodeEntry("IG402", "active model is incomplete", "An active model needs its costs, its credit rate and an active provider; a field of the other type is refused."),
    CodeEntry("IG403", "model is switched off", "The provider has switched the model off, or will within 60 days. Move to the model in `replaced_by`."),
    CodeEntry("IG404", "model is deprecated", "The model is past its deprecation date but still active."),
    CodeEntry("IG405", "expected margin", "What a call costs us is compared with what it is sold for: below zero, or Testing not cheaper than Live, deserves a look."),
    CodeEntry("IG406", "tier does not allow AI overrides", "The account's tier has ai_overrides_allowed: false, so neither the account nor its sites may set `ai`."),
    CodeEntry("IG407", "stage budgets exceed 100 %", "The budget_pct of a site's AI stages add up to at most 100."),
    CodeEntry("IG408", "nothing to publish with", "auto_publish needs a publisher, at least one day and at least one time slot; or switch auto_publish off."),
    CodeEntry("IG409", "no Testing model", "A stage asks for the Testing model, but no active model of that type is marked testing."),
    CodeEntry("IG410", "prompt for a function", "Each AI function in use has exactly one Prompt."),
    CodeEntry("IG411", "tier limit", "The account declares more sites or keywords than its tier includes."),
    CodeEntry("IG412", "stage settings", "Only AI stages take `model` and `budget_pct`; the review stage takes no batch_size; the key must name a stage."),
    CodeEntry("IG413", "shared publishing folder", "Two sites publish into one folder and would overwrite each other."),
    CodeEntry("IG414", "day or slot stands twice", "A publishing day or a time slot counts once: one article a slot, whatever is written. Remove the second."),
    CodeEntry("IG415", "price of a size", "`cost_per_image` maps SIZE/QUALITY to USD, e.g. 1024x1024/standard or 1024x1024/hd."),
    CodeEntry("IG416", "unknown event", "A channel names events that notifications have: ai_STAGE_success, ai_STAGE_failed, publish_success, publish_failed, applied, apply_failed, drift_found, credits_low, usage_missing, duplicates_found, approvals_held."),
    CodeEntry("IG417", "adapter of another type", "The provider's `type` (ai, payment, email) and its adapter do not go together."),
    CodeEntry("IG418", "dates out of order", "A model is released, then deprecated, then switched off: release_date <= deprecation_date <= shutdown_on. A grant begins before it ends: effective_on <= expires_on. A blackout starts before it ends: starts_on <= ends_on."),
    CodeEntry("IG419", "payment method without a country", "Payment methods are offered by country, so `billing.payment_method` needs `billing.country`."),
    CodeEntry("IG420", "channel has nothing to send with", "An email channel sends through its `server`, or through the one active provider of type email that can send: resend with an api_key, or smtp with an endpoint like smtp://user@host:587. Name it in `provider` where there are several."),
    CodeEntry("IG421", "place that takes no copies", "A further place of a site's articles (`syndication`) gets copies that name the article's own address as canonical, or search engines take each copy for an article. So the site has a publisher of its own, and the place's publisher can carry a canonical address: `igny8 publishers list` tells which can."),
    CodeEntry("IG422", "one place twice", "Two publishers of a site write to the same folder, endpoint or address, and would overwrite each other's articles."),
    CodeEntry("IG430", "setting that the model does not take", "The text model in use cannot be given this setting, or not so much of it. A call leaves it out, or cuts it, and says so in the task log."),
    CodeEntry("IG431", "fallback that is never tried", "Models in `fallbacks` are called when the model cannot be: they have to be active, with an active provider."),
    CodeEntry("IG435", "setting that the image model does not take", "The provider of the image model has no such setting. It is left out of the request and noted in the task log; the image comes without it."),
    CodeEntry("IG436", "size that the image model does not offer", "The catalogue lists the model's sizes, and image_size is none of them: the provider may refuse it, or draw another size."),
    CodeEntry("IG501", "approvals exceed capacity", "More articles may be approved in a week than the schedule has slots; the rest will queue up."),
    CodeEntry("IG502", "image limit below need", "A run may write more image prompts than stage 6 may draw, so articles will wait for images."),
    CodeEntry("IG503", "limit is no multiple of the batch", "per_run_limit is not a multiple of batch_size, so the last batch of each run is a partial one."),
    CodeEntry("IG504", "slot before its run is over", "The delays between batches and stages alone take longer than the time from the start of the run to this slot, so what the run makes is too late for it and waits for a later one."),
    CodeEntry("IG505", "size without a price", "The model that draws a site's images has no price for the site's image_size and image_quality. An image without a price is not drawn."),
    CodeEntry("IG506", "stage without a budget", "An AI stage that is on with budget_pct 0 may spend nothing, so it does nothing. Give it a share, or switch it off."),
    CodeEntry("IG507", "site may spend more than its account", "The site's credits.monthly_max is above the account's, which holds for all of its sites together, so it never takes effect."),
    CodeEntry("IG601", "policy is violated", "A rule of a policy in `policies/` forbids this. The message begins with POLICY/RULE and the hint names the rule's place. At validate it is an error; a policy on changes or plans blocks the apply. `igny8 explain policy/NAME` shows the policy."),
    CodeEntry("IG602", "policy advises against this", "A rule of a policy in `policies/` warns of this. The message begins with POLICY/RULE and the hint names the rule's place."),
    CodeEntry("IG603", "policy's expression", "An expression of a policy is no CEL, has the wrong type, or reads a variable or field that is not there. The position is inside the expression."),
    CodeEntry("IG604", "policy could not be decided", "An expression of a policy failed on a resource: most often it reads a key that the resource leaves out. Ask with `has(...)` first. Until then the policy protects nothing there, so this is an error."),
    CodeEntry("IG605", "policy took too much", "An expression may take a quarter of a second of processor time, 512 MiB and 10,000 steps through lists on one resource, and all policies together a time that grows with the number of resources. Beyond that it is stopped, and the rest of the config is checked without it."),
    CodeEntry("IG606", "policies need the extra `policy`", "Policies exist but the CEL library is not installed, so they cannot be evaluated. Install `igny8[policy]`. Policies are never skipped."),
    CodeEntry("IG607", "policy's names", "Rules of one policy, and its tests, have names of their own; a test expects rules that the policy has, and gives what the policy looks at."),
)  # fmt: skip


def find_code(code: str) -> CodeEntry | None:
    """Return the entry of a code, or None when there is no such code."""
    return next((entry for entry in CODES if entry.code == code.upper()), None)

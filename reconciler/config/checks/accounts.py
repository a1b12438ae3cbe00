"""Rules of accounts: the tier they name, what it allows, model preferences, grants and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.extensions import ModelType
from reconciler.kinds.fields import ModelPreferences


def check_references(draft: Draft) -> Iterable[Diagnostic]:
    """An account names a tier and a payment method that exist."""
    if draft.tiers is None:
        if not draft.has("tiers", "tiers"):
            for name in draft.accounts:
                yield draft.find(
                    "IG301", ("account", name), ("tier",), "there is no TierCatalog", hint="write tiers.yaml"
                )  # fmt: skip
        return
    for name, account in draft.accounts.items():
        if account.tier not in draft.tiers.tiers:
            yield draft.find(
                "IG301", ("account", name), ("tier",), f"there is no tier {account.tier!r}",
                hint=did_you_mean(account.tier, draft.tiers.tiers),
            )  # fmt: skip
        method, country = account.billing.payment_method, account.billing.country
        offered = draft.tiers.payment_methods.get(country or "", ())
        if method and country and method not in offered:
            yield draft.find(
                "IG302", ("account", name), ("billing", "payment_method"), f"{method!r} is not offered in {country}",
                hint=f"offered there: {', '.join(offered) or 'nothing'}",
            )  # fmt: skip


def check_model_preferences(draft: Draft) -> Iterable[Diagnostic]:
    """A model that an account prefers is active, of its type, and not the Testing one."""
    for name, account in draft.accounts.items():
        yield from find_bad_preferences(draft, ("account", name), account.ai.model_preferences)


def find_bad_preferences(
    draft: Draft, ref: tuple[str, str], preferences: ModelPreferences | None
) -> Iterable[Diagnostic]:
    """Yield what is wrong with the preferred models of an account or a site."""
    if draft.models is None or preferences is None:
        return
    wanted_by_type: tuple[tuple[ModelType, str | None], ...] = (
        ("text", preferences.text),
        ("image", preferences.image),
    )
    for model_type, wanted in wanted_by_type:
        if wanted is None:
            continue
        path = ("ai", "model_preferences", model_type)
        model = draft.models.models.get(wanted)
        if model is None:
            yield draft.find(
                "IG301", ref, path, f"there is no model {wanted!r}", hint=did_you_mean(wanted, draft.models.models)
            )  # fmt: skip
        elif model.type != model_type or not model.active or model.testing:
            what = f"a {model.type} model" if model.type != model_type else "the Testing model"
            what = "not active" if not model.active else what
            yield draft.find("IG302", ref, path, f"{wanted} is {what}", hint="prefer an active Live model")


def check_ai_overrides(draft: Draft) -> Iterable[Diagnostic]:
    """Only a tier that allows it lets an account set `ai`."""
    for name, account in draft.accounts.items():
        yield from find_forbidden_overrides(draft, ("account", name), account.tier)


def find_forbidden_overrides(draft: Draft, ref: tuple[str, str], tier_name: str) -> Iterable[Diagnostic]:
    """Yield a finding when the tier does not let this account or site set `ai`."""
    tier = draft.tiers.tiers.get(tier_name) if draft.tiers else None
    if tier is not None and not tier.ai_overrides_allowed and draft.documents[ref].value.get("ai"):
        yield draft.find(
            "IG406", ref, ("ai",), f"the tier {tier_name} does not allow AI overrides", key=True,
            hint="remove `ai`, or move the account to another tier",
        )  # fmt: skip


def check_grants(draft: Draft) -> Iterable[Diagnostic]:
    """A grant's id and a user's address stand once in an account."""
    for name, account in draft.accounts.items():
        for field, values in (("grants", [g.id for g in account.grants]), ("users", [u.email for u in account.users])):
            for value, count in Counter(values).items():
                if count > 1:
                    last = len(values) - 1 - values[::-1].index(value)
                    yield draft.find(
                        "IG109", ("account", name), (field, last), f"{field}: {value} stands {count} times",
                        hint="each is given once; use another id" if field == "grants" else "",
                    )  # fmt: skip


def check_grant_days(draft: Draft) -> Iterable[Diagnostic]:
    """A grant does not expire before the day from which it counts."""
    for name, account in draft.accounts.items():
        for index, grant in enumerate(account.grants):
            if grant.effective_on and grant.expires_on and grant.expires_on < grant.effective_on:
                yield draft.find(
                    "IG418", ("account", name), ("grants", index, "expires_on"),
                    f"the grant {grant.id} expires on {grant.expires_on}, before it counts from {grant.effective_on} on",
                    hint="expires_on is the last day on which the credits can be used",
                )  # fmt: skip


def check_tier_limits(draft: Draft) -> Iterable[Diagnostic]:
    """An account has no more sites and keywords than its tier includes."""
    if draft.tiers is None:
        return
    sites, keywords = Counter[str](), Counter[str]()
    for facts in draft.facts:
        sites[facts.account] += 1
        keywords[facts.account] += facts.keywords
    for name, account in draft.accounts.items():
        tier = draft.tiers.tiers.get(account.tier)
        if tier is None:
            continue
        for what, count, limit in (
            ("sites", sites[name], tier.limits.sites_max),
            ("keywords", keywords[name], tier.limits.keywords_max),
        ):
            if limit is not None and count > limit:
                yield draft.find(
                    "IG411", ("account", name), ("tier",), f"{count} {what}; the tier {account.tier} includes {limit}",
                    hint="choose a larger tier, or declare fewer",
                )  # fmt: skip


def check_billing(draft: Draft) -> Iterable[Diagnostic]:
    """A payment method comes with the country that it is offered in."""
    for name, account in draft.accounts.items():
        if account.billing.payment_method and not account.billing.country:
            yield draft.find(
                "IG419", ("account", name), ("billing", "payment_method"), "a payment method without a country",
                hint="add `country:`, two capital letters",
            )  # fmt: skip

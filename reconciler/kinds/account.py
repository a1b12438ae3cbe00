"""Account: a customer with a tier, users, grants and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from reconciler.kinds.fields import AiOverrides, Country, Date, Name, NamedSpec, Percent, Positive, Spec, Text

Role = Literal["owner", "admin", "operator", "editor", "reviewer", "viewer"]


class AccountModules(Spec):
    """What the account uses: planner = stages 1-3, writer = 4-7, automation = scheduled runs, thinker = prompt context."""

    planner: bool = True
    writer: bool = True
    automation: bool = True
    thinker: bool = True


class TableSettings(Spec):
    """How a person likes tables."""

    records_per_page: Annotated[int, Field(ge=5, le=500)] = 25
    default_sort: str = ""
    sort_direction: Literal["asc", "desc"] = "asc"


class UserPreferences(Spec):
    """How a person likes the dashboard."""

    theme: Literal["light", "dark", "system"] = "system"
    language: str = "en"
    notifications: bool = True


class UserSettings(Spec):
    """Personal settings; they never touch AI, credits or publishing."""

    table_settings: TableSettings = TableSettings()
    user_preferences: UserPreferences = UserPreferences()


class User(Spec):
    """A person with a role in the account."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    role: Role
    settings: UserSettings = UserSettings()


class Grant(Spec):
    """Credits given once; the id is what makes it once. Deleting the line takes nothing back."""

    id: Name
    credits: Positive
    reason: Text
    priority: Percent | None = None
    effective_on: Date | None = None
    expires_on: Date | None = None


class AccountCredits(Spec):
    """Limits on spending."""

    monthly_max: Positive | None = None
    warn_at_pct: Percent = 80


class Billing(Spec):
    """How the account pays."""

    country: Country | None = None
    payment_method: Text | None = None


class LogSettings(Spec):
    """What is kept of calls to AI providers."""

    keep_prompts: bool = False
    retention_days: Positive = 30


class ReportSettings(Spec):
    """How reports for the account are made."""

    recipients: tuple[Text, ...] = ()


class AccountSettings(Spec):
    """Namespaced settings, each namespace with its own schema."""

    logs: LogSettings = LogSettings()
    reports: ReportSettings = ReportSettings()


class Account(NamedSpec):
    """A customer."""

    display_name: Text | None = None
    tier: Name
    status: Literal["active", "suspended"] = "active"
    ai: AiOverrides = AiOverrides()
    modules: AccountModules = AccountModules()
    settings: AccountSettings = AccountSettings()
    users: tuple[User, ...] = ()
    grants: tuple[Grant, ...] = ()
    credits: AccountCredits = AccountCredits()
    billing: Billing = Billing()

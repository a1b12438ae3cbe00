"""Policy: what people forbid themselves, as expressions over resources and plans."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from reconciler.kinds.environment import Glob, PatchedKind
from reconciler.kinds.fields import Date, Name, Spec, Text

Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class PolicyMatch(Spec):
    """Which resources, or changes of resources, a policy looks at: those that fit all of this."""

    kind: PatchedKind | None = Field(None, description="Required where `on` is resource.")
    name: Glob | Annotated[tuple[Glob, ...], Field(min_length=1)] | None = Field(
        None, description="Only resources whose name fits, or fits one of a list; `*` and `?` stand for any text."
    )
    labels: dict[str, Text] = Field(
        default_factory=dict, description="Only resources with all of these labels; `*` and `?` as in names."
    )


class PolicyRule(Spec):
    """One thing that is forbidden (`deny`) or advised against (`warn`)."""

    name: Name = Field(description="Unique in the policy. A waiver names the rule as POLICY/RULE.")
    deny: Expression | None = Field(None, description="A CEL expression; where it is true, the finding is an error.")
    warn: Expression | None = Field(None, description="A CEL expression; where it is true, the finding is a warning.")
    message: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description="What is wrong. `{EXPRESSION}` stands for the value of a CEL expression, `{{` for a brace."
    )
    hint: Annotated[str, StringConstraints(max_length=500)] = Field("", description="What to do about it.")
    field: Text | None = Field(
        None, description="The resource's field that the finding points at, such as `stages.images.budget_pct`."
    )

    def model_post_init(self, _context: object) -> None:
        if (self.deny is None) == (self.warn is None):
            raise PydanticCustomError("policy", "a rule has either `deny` or `warn`", {})

    @property
    def condition(self) -> str:
        """Return the expression that is true where the rule is violated."""
        return self.deny or self.warn or ""


class PolicyTest(Spec):
    """An example, and which rules it violates. What is left out of a resource has its default."""

    name: Text
    resource: dict[str, JsonValue] | None = Field(None, description="Fields of a resource of the policy's kind.")
    account: dict[str, JsonValue] = Field(default_factory=dict, description="Fields of the site's account.")
    change: dict[str, JsonValue] | None = Field(None, description="One change: action, kind, name, before, after.")
    plan: dict[str, JsonValue] | None = Field(
        None, description="`changes`, and `before` and `after` with articles, credits and cost_usd."
    )
    models: dict[str, JsonValue] = Field(default_factory=dict, description="Models by name.")
    platform: dict[str, JsonValue] = Field(default_factory=dict, description="Fields of the platform.")
    today: Date = Field("2026-01-01", description="The day that `today` stands for.")
    expect: tuple[Name, ...] = Field((), description="The rules that find something; none: all is well.")


class Policy(Spec):
    """Rules about resources, about changes, or about whole plans. It is read and evaluated, never applied."""

    name: Name
    description: str = ""
    on: Literal["resource", "change", "plan"] = Field(
        "resource",
        description="resource: each resolved resource, at validate. change: each change of a plan. plan: each plan.",
    )
    match: PolicyMatch = PolicyMatch()
    rules: Annotated[tuple[PolicyRule, ...], Field(min_length=1, max_length=50)]
    tests: tuple[PolicyTest, ...] = Field((), description="Examples that `igny8 policy test` tries.")

    def model_post_init(self, _context: object) -> None:
        if self.on == "resource" and self.match.kind is None:
            raise PydanticCustomError("policy", "a policy on resources names their kind in `match.kind`", {})
        if self.on == "plan" and self.match != PolicyMatch():
            raise PydanticCustomError("policy", "a policy on plans has no `match`: there is one plan", {})

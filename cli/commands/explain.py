"""igny8 explain"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from cli.options import format_option
from cli.output import shorten
from cli.session import Session
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.config.compilation import Compilation
    from reconciler.config.explain import EffectiveValue


@click.command()
@click.argument("subject", required=False)
@format_option("text", "json")
@click.pass_obj
def explain(session: Session, subject: str | None, format_: str) -> None:
    """Explain a value, a field, a policy or a diagnostic code; without a subject, list all codes.

    A value shows everything that was written for it, the winner first. A kind shows what its fields take.

    Examples:

      igny8 explain IG203
      igny8 explain site/alpine-trails
      igny8 explain site/alpine-trails.stages.images.model
      igny8 explain Site.publishing
      igny8 explain policy/spending
    """
    if subject is None or re.fullmatch(r"(?i)IG\d+", subject):
        _explain_code(session, subject, format_)
    elif "/" in subject or subject.split(".")[0].islower():
        _explain_value(session, subject, format_)
    else:
        _explain_field(session, subject, format_)


def _explain_code(session: Session, code: str | None, format_: str) -> None:
    from reconciler.diagnostics import CODES, find_code

    entry = find_code(code) if code else None
    if code and entry is None:
        raise UsageError(f"there is no code {code}", hint="`igny8 explain` lists all codes")
    entries = [entry] if entry else list(CODES)
    if format_ == "json":
        rows = [{"code": item.code, "title": item.title, "text": item.text} for item in entries]
        session.output.json({"version": 1, "summary": {"codes": len(rows)}, "codes": rows})
    elif entry:
        session.output.data(f"{entry.code}: {entry.title}\n\n{entry.text}")
    else:
        session.output.table(["CODE", "MEANING"], [(item.code, item.title) for item in entries])


def _explain_value(session: Session, subject: str, format_: str) -> None:
    from reconciler.config.explain import effective_values, find_resource
    from reconciler.config.suggest import did_you_mean

    compilation = session.compiled(session.installation())
    if subject.startswith("policy/"):
        _explain_policy(session, compilation, subject.removeprefix("policy/"), format_)
        return
    # A model's name may hold dots, but a model is a part of its catalogue: a ref ends at the first dot.
    ref, _, below = subject.partition(".")
    resource = find_resource(compilation, ref)
    if resource is None:
        hint = did_you_mean(ref, [item.ref for item in compilation.resources]) or "`igny8 plan` lists what is declared"
        raise UsageError(f"there is no {ref}", hint=hint)
    values = effective_values(resource, below)
    if not values:
        known = {item.field for item in effective_values(resource)}
        raise UsageError(f"{ref} has no value {below}", hint=did_you_mean(below, known) or f"igny8 explain {ref}")
    if format_ == "json":
        rows = [item.to_json() for item in values]
        session.output.json({"version": 1, "summary": {"resource": ref, "values": len(rows)}, "values": rows})
    elif len(values) == 1:
        _show_chain(session, ref, values[0])
    else:
        rows_ = [(item.field, _shown(item.value), item.definitions[0].scope, _place(item)) for item in values]
        session.output.table(["FIELD", "VALUE", "SCOPE", "WRITTEN IN"], rows_)


def _explain_policy(session: Session, compilation: Compilation, name: str, format_: str) -> None:
    from reconciler.config.policies.evaluate import matches
    from reconciler.config.suggest import did_you_mean

    policies = compilation.policies
    known = {item.name: (item, file) for item, file in policies.policies} if policies else {}
    if policies is None or name not in known:
        raise UsageError(f"there is no policy {name}", hint=did_you_mean(name, known) or "igny8 policy list")
    policy, file = known[name]
    resources = matches(policies, compilation.resources).get(name)
    rules = [
        {
            "rule": rule.spec.name, "action": "deny" if rule.severity == "error" else "warn",
            "expression": " ".join(rule.condition.split()), "message": rule.spec.message, "hint": rule.spec.hint,
            "field": rule.spec.field or "", "file": rule.file, "line": rule.mark.line,
        }
        for rule in policies.rules if rule.policy.name == name
    ]  # fmt: skip
    if format_ == "json":
        match = policy.match.model_dump(mode="json", exclude_none=True)
        summary = {"policy": name, "on": policy.on, "match": match, "resources": resources, "rules": len(rules)}
        session.output.json({"version": 1, "summary": summary, "rules": rules})
        return
    asked = f"asked on {resources:,} resources" if resources is not None else f"asked on each {policy.on}"
    session.output.data(session.output.style(f"policy/{name} ({file}), {asked}", "head"))
    if policy.description:
        session.output.data(policy.description)
    for rule in rules:
        session.output.data()
        session.output.data(f"{rule['rule']}   ({rule['file']}:{rule['line']})")
        session.output.data(f"  {rule['action']}s where  {rule['expression']}".replace("denys", "denies"))
        session.output.data(f"  says          {' '.join(str(rule['message']).split())}")
        if rule["hint"]:
            session.output.data(f"  hint          {rule['hint']}")


def _show_chain(session: Session, ref: str, item: EffectiveValue) -> None:
    session.output.data(session.output.style(f"{ref} {item.field} = {_shown(item.value)}", "head"))
    rows = [
        ("wins" if index == 0 else "loses", _shown(one.value), one.scope, f"{one.file}:{one.mark.line}" if one.file else "built in")
        for index, one in enumerate(item.definitions)
    ]  # fmt: skip
    session.output.table(["", "VALUE", "SCOPE", "WRITTEN IN"], rows)


def _place(item: EffectiveValue) -> str:
    winner = item.definitions[0]
    return f"{winner.file}:{winner.mark.line}" if winner.file else "built in"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        flat = all(isinstance(item, str | int | float) for item in value)
        return shorten(f"[{', '.join(map(str, value))}]", 60) if flat else f"{len(value)} entries"
    return shorten(str(value).replace("\n", "⏎"), 60)


def _explain_field(session: Session, subject: str, format_: str) -> None:
    from reconciler.config.explain import field_docs
    from reconciler.kinds import KINDS
    from reconciler.operations.app import EXTENSIONS

    kind, _, below = subject.partition(".")
    docs = field_docs(kind, below, EXTENSIONS)
    if docs is None:
        raise UsageError(f"there is no kind {kind}", hint=f"the kinds are {', '.join(item.name for item in KINDS)}")
    if not docs:
        raise UsageError(f"{kind} has no field {below}", hint=f"igny8 explain {kind}")
    if format_ == "json":
        rows = [
            {"field": doc.field, "type": doc.type, "default": doc.default, "description": doc.description}
            for doc in docs
        ]
        session.output.json({"version": 1, "summary": {"kind": kind, "fields": len(rows)}, "fields": rows})
        return
    session.output.table(
        ["FIELD", "TYPE", "DEFAULT", "MEANING"],
        [(doc.field, shorten(doc.type, 50), _default(doc.default), shorten(doc.description, 60)) for doc in docs],
    )


def _default(value: Any) -> str:
    return "" if value is None or isinstance(value, dict) else _shown(value)

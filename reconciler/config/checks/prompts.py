"""Rules of prompts: one for each function in use, and templates that parse and use only what they are given."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic, Mark
from reconciler.kinds.extensions import FunctionDeclaration
from reconciler.kinds.prompt import Prompt

# Parsing takes time by size and more than that by the number of variables: no file may stall CI.
_TEMPLATE_LENGTH_MAX, _TAGS_MAX = 64 * 1024, 1000
_TAG = re.compile(r"\{[{%]")


def check_functions(draft: Draft) -> Iterable[Diagnostic]:
    """No function has more than one prompt."""
    for function in draft.extensions.functions:
        names = _names(draft, function)
        for name in names[1:]:
            yield draft.find(
                "IG410", ("prompt", name), ("function",), f"{names[0]} is the prompt of {function.name} already",
                hint="keep one prompt a function",
            )  # fmt: skip


def check_presence(draft: Draft) -> Iterable[Diagnostic]:
    """Where there are sites, every function of a stage has a prompt."""
    if not draft.facts or len(draft.names.get("prompt", ())) > len(draft.all("prompt", Prompt)):
        return  # without sites nothing needs them; a broken one may be the one that is missing
    for function in draft.extensions.needed_functions:
        if not _names(draft, function):
            yield Diagnostic(
                "IG410", f"no prompt for {function.name}", "prompts",
                hint=f"write prompts/{function.name.replace('_', '-')}.md with `function: {function.name}`",
            )  # fmt: skip


def _names(draft: Draft, function: FunctionDeclaration) -> list[str]:
    return sorted(name for name, prompt in draft.all("prompt", Prompt).items() if prompt.function == function.name)


def check_templates(draft: Draft) -> Iterable[Diagnostic]:
    """Every prompt fits its function and its template uses only declared variables."""
    functions = {function.name: function for function in draft.extensions.functions}
    for name, prompt in draft.all("prompt", Prompt).items():
        function = functions.get(prompt.function)
        if function is None:
            yield draft.find(
                "IG301", ("prompt", name), ("function",), f"there is no function {prompt.function!r}",
                hint=did_you_mean(prompt.function, functions) or f"there are {', '.join(functions)}",
            )  # fmt: skip
            continue
        yield from _check_front_matter(draft, name, prompt, function)
        yield from _check_body(draft, name, prompt)


def _check_front_matter(draft: Draft, name: str, prompt: Prompt, function: FunctionDeclaration) -> Iterable[Diagnostic]:
    for field, wanted in (("model_type", function.model_type), ("output", function.output)):
        if getattr(prompt, field) != wanted:
            yield draft.find(
                "IG211", ("prompt", name), (field,), f"{prompt.function} has {field} {wanted}", hint=f"write {wanted}"
            )  # fmt: skip
    for index, variable in enumerate(prompt.variables):
        if variable not in function.variables:
            yield draft.find(
                "IG211", ("prompt", name), ("variables", index), f"{prompt.function} offers no variable {variable!r}",
                hint=did_you_mean(variable, function.variables) or f"it offers {', '.join(function.variables)}",
            )  # fmt: skip


def _check_body(draft: Draft, name: str, prompt: Prompt) -> Iterable[Diagnostic]:
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.sandbox import SandboxedEnvironment

    document = draft.documents["prompt", name]
    first_line = document.body_line
    if len(prompt.template) > _TEMPLATE_LENGTH_MAX or len(_TAG.findall(prompt.template)) > _TAGS_MAX:
        what = f"the template is larger than {_TEMPLATE_LENGTH_MAX // 1024} KiB or has over {_TAGS_MAX:,} tags"
        yield Diagnostic("IG211", what, document.file, Mark(first_line), hint="shorten it")
        return
    try:
        variables = meta.find_undeclared_variables(SandboxedEnvironment().parse(prompt.template))
    except TemplateSyntaxError as error:
        yield Diagnostic(
            "IG211", f"the template does not parse: {error.message}", document.file, Mark(first_line + error.lineno - 1)
        )
        return
    except RecursionError:
        yield Diagnostic(
            "IG211", "the template is nested too deep", document.file, Mark(first_line), hint="simplify it"
        )
        return
    for variable in sorted(variables - set(prompt.variables)):
        use = re.search(rf"\b{re.escape(variable)}\b", prompt.template)
        before = prompt.template[: use.start() if use else 0]
        yield Diagnostic(
            "IG211", f"the template uses {variable!r}, which `variables` does not name", document.file,
            Mark(first_line + before.count("\n")), "template",
            did_you_mean(variable, prompt.variables) or f"add it to `variables`: [{', '.join(prompt.variables)}, ...]",
        )  # fmt: skip

"""Tries each AI provider out: adapter, key, reach, models, and if wanted one call of a token or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from reconciler.config.compilation import Compilation
from reconciler.errors import UnreachableError, UsageError
from reconciler.kinds.models import Model, ModelCatalog
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.ledger.pricing import UnknownPriceError, cost_of, rates_of
from reconciler.money import format_usd
from reconciler.operations.catalogues import catalogues
from reconciler.operations.providers import ProviderPool
from reconciler.providers.port import Embedder, EmbeddingRequest, Failure, ModelLister, Provider, TextRequest

Verdict = Literal["ok", "failed", "skipped"]
_LIVE_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried at a provider, and how it went."""

    provider: str
    step: str
    verdict: Verdict
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return the machine-readable form."""
        return asdict(self)


async def check_providers(
    compilation: Compilation, pool: ProviderPool, names: Sequence[str], *, live: bool
) -> tuple[Step, ...]:
    """Return the steps of every active AI provider, or of the named ones; UsageError for a name that is none."""
    providers, models = catalogues(compilation)
    known = {name: spec for name, spec in providers.providers.items() if spec.type == "ai"}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no AI provider {name!r}", hint=f"there are {', '.join(sorted(known)) or 'none'}"
            )
    chosen = names or [name for name, spec in known.items() if spec.active]
    steps: list[Step] = []
    try:
        for name in chosen:
            steps += await _check(pool, name, known[name], models, live=live)
    finally:
        await pool.close()
    return tuple(steps)


async def _check(pool: ProviderPool, name: str, spec: ProviderSpec, models: ModelCatalog, *, live: bool) -> list[Step]:
    try:
        adapter = pool.adapter_of(name, spec)
    except UnreachableError as error:
        detail = f"{error.message}; {error.hint}" if error.hint else error.message
        return [Step(name, "credentials", "failed", detail)]
    key = spec.credentials.api_key
    where = "none needed" if key is None else "found"
    steps = [Step(name, "credentials", "ok", f"{where}; adapter {spec.adapter}")]
    ours = {model_name: model for model_name, model in models.models.items() if model.provider == name and model.active}
    steps += await _check_models(name, adapter, ours)
    if live and all(step.verdict != "failed" for step in steps):
        steps.append(await _call(name, adapter, ours, spec.limits.timeout_seconds))
    return steps


async def _check_models(name: str, adapter: Provider, ours: dict[str, Model]) -> list[Step]:
    if not isinstance(adapter, ModelLister):
        return [Step(name, "endpoint", "skipped", "this provider does not list its models")]
    listed = await adapter.list_models()
    if isinstance(listed, Failure):
        if listed.error_class == "unsupported":
            return [Step(name, "endpoint", "skipped", f"it does not list its models: {listed.message}")]
        return [Step(name, "endpoint", "failed", listed.message)]
    steps = [Step(name, "endpoint", "ok", f"answers, with {len(listed)} models")]
    missing = [model for model in ours if model not in listed]
    if missing:
        steps.append(Step(name, "models", "failed", f"not offered to this account: {', '.join(missing)}"))
    elif ours:
        steps.append(Step(name, "models", "ok", ", ".join(ours)))
    return steps


async def _call(name: str, adapter: Provider, ours: dict[str, Model], timeout_seconds: int) -> Step:
    """Ask the provider's first text or embedding model for next to nothing."""
    for model_name, model in ours.items():
        if model.type == "text":
            request = TextRequest(
                "check", model_name, "check", "text", "Say OK.", _LIVE_TOKENS, 0.0,
                takes_temperature=model.supports.temperature, timeout_seconds=timeout_seconds,
            )  # fmt: skip
            answer = await adapter.complete(request)
            usage, failure = answer.usage, answer.failure
        elif model.type == "embedding" and isinstance(adapter, Embedder):
            made = await adapter.embed(EmbeddingRequest("check", model_name, ("OK",), timeout_seconds=timeout_seconds))
            usage, failure = made.usage, made.failure
        else:
            continue
        # An answer that was cut off is still an answer: that is what we wanted to know.
        if failure is not None and not usage.total_tokens:
            return Step(name, "live", "failed", f"{model_name}: {failure.message}")
        try:
            cost = format_usd(cost_of(usage, rates_of(model_name, model)).total_nano, 9)
        except UnknownPriceError:
            cost = "unknown"
        tokens = f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
        return Step(name, "live", "ok", f"{model_name}: {tokens}, cost {cost}")
    return Step(name, "live", "skipped", "no active text or embedding model; images are not tried")

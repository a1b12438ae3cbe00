"""Rules of image settings: what a site asks for is something that the image model it uses takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.fields import AiSettings
from reconciler.kinds.models import Model, ModelCatalog, live_model, testing_model
from reconciler.kinds.site import Site


def check_image_settings(draft: Draft) -> Iterable[Diagnostic]:
    """A site's image quality and size are taken by the model of its image stages."""
    if draft.models is None or draft.providers is None or not draft.platform.modules.images:
        return
    no_quality = {adapter.name for adapter in draft.extensions.adapters if not adapter.takes_image_quality}
    providers = draft.providers.providers
    fine: set[tuple[int, int]] = set()
    for name, site in draft.sites.items():
        ai, shared = site.ai, (id(site.stages), id(site.ai))
        if shared in fine:  # many sites share both
            continue
        fine.add(shared)
        for model_name, model in _models_of(draft, draft.models, site):
            provider = providers.get(model.provider)
            drops_quality = provider is not None and provider.adapter in no_quality
            if ai.image_quality != "standard" and drops_quality:
                fine.discard(shared)
                yield draft.find(
                    "IG435", ("site", name), ("ai", "image_quality"),
                    f"{model_name} takes no image_quality: {ai.image_quality} is left out",
                    hint="remove it, or use another image model", severity="warning",
                )  # fmt: skip
            elif model.sizes and ai.image_size not in model.sizes:
                fine.discard(shared)
                yield draft.find(
                    "IG436", ("site", name), ("ai", "image_size"),
                    f"{model_name} offers {', '.join(model.sizes)}, not {ai.image_size}",
                    hint="write one of them, or add the size to the model", severity="warning",
                )  # fmt: skip


def _models_of(draft: Draft, catalog: ModelCatalog, site: Site) -> Iterator[tuple[str, Model]]:
    """Return the image models that the site's stages use."""
    for stage in draft.extensions.stages:
        settings = site.stages.get(stage.key)
        if stage.function is None or stage.function.model_type != "image" or settings is None or not settings.enabled:
            continue
        name = testing_model(catalog, "image") if settings.model == "testing" else _live(catalog, site.ai)
        model = catalog.models.get(name) if name else None
        if name and model is not None:
            yield name, model


def _live(catalog: ModelCatalog, ai: AiSettings) -> str | None:
    return ai.model_preferences.image or live_model(catalog, "image")

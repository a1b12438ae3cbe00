"""What validate says about image settings that the image model in use does not take."""

from __future__ import annotations

import pytest
from builder import FILES, World, edited, write_root


def findings(tmp_path, sqlite, *, site="", adapter="offline", sizes="", stage=""):
    files = {"providers.yaml": FILES["providers.yaml"].replace("adapter: offline", f"adapter: {adapter}")}
    if sizes:
        files |= edited(
            "models.yaml", ("    credits_per_image: 1\n", f"    credits_per_image: 1\n    sizes: {sizes}\n")
        )
    text = f"{site}{stage}automation:"
    files |= edited("sites/blog.yaml", ("automation:", text))
    found = World(write_root(tmp_path / "root", files), sqlite).compile().findings
    return [
        (finding.code, finding.file, finding.field, finding.severity)
        for finding in found
        if finding.code in ("IG435", "IG436")
    ]


HD = "ai: {image_quality: hd}\n"


@pytest.mark.parametrize("adapter", ["runware", "google"])
def test_a_quality_that_the_provider_has_no_word_for_is_a_warning_where_somebody_wrote_it(tmp_path, sqlite, adapter):
    expected = [("IG435", "sites/blog.yaml", "ai.image_quality", "warning")]
    assert findings(tmp_path / "a", sqlite, site=HD, adapter=adapter) == expected
    assert findings(tmp_path / "b", sqlite, adapter=adapter) == [], "nobody wrote it"


@pytest.mark.parametrize("adapter", ["openai", "bria", "offline"])
def test_a_quality_that_is_taken_is_fine(tmp_path, sqlite, adapter):
    assert findings(tmp_path, sqlite, site=HD, adapter=adapter) == []


def test_a_size_that_the_catalogue_does_not_list_is_a_warning(tmp_path, sqlite):
    site = "ai: {image_size: 1536x1024}\n"
    assert findings(tmp_path / "a", sqlite, site=site, sizes="[1024x1024]") == [
        ("IG436", "sites/blog.yaml", "ai.image_size", "warning")
    ]
    assert findings(tmp_path / "b", sqlite, site=site, sizes="[1024x1024, 1536x1024]") == []
    assert findings(tmp_path / "c", sqlite, site=site) == [], "a model without a list takes any"


def test_only_the_model_that_the_stage_uses_counts(tmp_path, sqlite):
    off = "stages: {images: {enabled: false}}\n"
    assert findings(tmp_path / "a", sqlite, site=HD, adapter="runware", stage=off) == []
    live = "stages: {images: {model: live}}\n"
    assert findings(tmp_path / "b", sqlite, site="ai: {image_size: 512x512}\n", sizes="[1024x1024]", stage=live) == []

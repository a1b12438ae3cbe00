"""What validate says about settings that a model does not take, and about fallbacks."""

from __future__ import annotations

import pytest
from builder import World, edited, write_root


def findings(tmp_path, sqlite, files):
    found = World(write_root(tmp_path / "root", files), sqlite).compile().findings
    ours = [finding for finding in found if finding.code in ("IG430", "IG431")]
    return [(finding.code, finding.field, finding.severity) for finding in ours]


def model(*lines: str):
    return edited("models.yaml", ("    tokens_per_credit: 1000\n", "".join(f"    {line}\n" for line in ("tokens_per_credit: 1000", *lines))))  # fmt: skip


@pytest.mark.parametrize(
    ("written", "line", "field"),
    [
        ("temperature: 0.2", "supports: {temperature: false}", "ai.temperature"),
        ("max_tokens: 9000", "max_output_tokens: 4096", "ai.max_tokens"),
    ],
)
def test_a_setting_that_the_model_does_not_take_is_a_warning_where_somebody_wrote_it(
    tmp_path, sqlite, written, line, field
):
    site = edited("sites/blog.yaml", ("automation:", f"ai: {{{written}}}\nautomation:"))
    assert findings(tmp_path / "a", sqlite, model(line) | site) == [("IG430", field, "warning")]
    assert findings(tmp_path / "b", sqlite, site) == [], "this model takes it"
    assert findings(tmp_path / "c", sqlite, model(line)) == [], "nobody wrote it"


def test_a_fallback_that_is_never_tried_is_a_warning(tmp_path, sqlite):
    inactive = "other: {type: text, provider: samples, active: false}"
    files = model("fallbacks: [other]")
    files["models.yaml"] += f"  {inactive}\n"
    assert findings(tmp_path, sqlite, files) == [("IG431", "models.writer.fallbacks[0]", "warning")]

"""Older versions of the config language: they are read with a warning, and migrated without touching anything else."""

from __future__ import annotations

import shutil
from pathlib import Path

from config_root import FILES, TODAY, compile_root, compile_texts, edited

from reconciler.config.compiler import compile_tree
from reconciler.config.migrations import STEPS, migrate_text
from reconciler.config.tree import read_tree
from reconciler.operations.app import EXTENSIONS
from reconciler.operations.migrate import migrate_root

EXAMPLE = Path(__file__).parents[2] / "examples/v1beta1"
OLD_ACCOUNT = (
    FILES["accounts/acme.yaml"].replace("igny8/v1", "igny8/v1beta1").replace("tier: growth", "plan: growth  # §4")
)


def compiled(root: Path):
    return compile_tree(read_tree(root), EXTENSIONS, TODAY)


def test_the_example_of_an_older_version_is_valid_with_one_warning_a_file():
    compilation = compiled(EXAMPLE)
    assert compilation.is_valid
    files = [file.path for file in compilation.tree.files if file.kind is not None]
    assert [(item.code, item.file, item.severity) for item in compilation.findings] == [
        ("IG125", path, "warning") for path in sorted(files)
    ]


def test_migrating_the_example_changes_words_and_no_meaning(tmp_path):
    root = shutil.copytree(EXAMPLE, tmp_path / "root")
    before = compiled(root)
    for item in migrate_root(root):
        assert item.is_changed
        (root / item.path).write_text(item.after, encoding="utf-8")
        assert len(item.after.splitlines()) == len(item.before.splitlines())
    after = compiled(root)
    assert after.findings == ()
    assert [(item.ref, item.digest) for item in after.resources] == [
        (item.ref, item.digest) for item in before.resources
    ]
    assert not any(item.is_changed for item in migrate_root(root))


def test_every_word_of_every_step_is_in_the_example():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*.yaml"))
    for step in STEPS:
        for renames in step.renames.values():
            for _, old, _ in renames:
                assert f"{old}:" in texts, old


def test_a_mistake_in_an_older_file_is_told_where_it_was_written(tmp_path):
    text = OLD_ACCOUNT.replace("plan: growth", "plan: grwth")
    found = compile_root(tmp_path, {"accounts/acme.yaml": text}).findings
    line = text.splitlines().index("plan: grwth  # §4") + 1
    assert ("IG301", line) in [(item.code, item.mark.line) for item in found]


def test_the_old_word_beside_the_new_one_is_unknown(tmp_path):
    text = OLD_ACCOUNT.replace("plan: growth", "tier: growth\nplan: growth")
    codes = [item.code for item in compile_root(tmp_path, {"accounts/acme.yaml": text}).findings]
    assert codes == ["IG125", "IG201"]


def test_comments_and_quotes_stay_where_they_are():
    step = STEPS[0]
    before = (
        "apiVersion: 'igny8/v1beta1' # old\n# plan: no key\n\"plan\":   growth  # plan\ncredits: {monthly_limit: 5}\n"
    )
    assert migrate_text(step, "Account", before) == (
        "apiVersion: igny8/v1 # old\n# plan: no key\ntier:   growth  # plan\ncredits: {monthly_max: 5}\n"
    )


def test_a_version_that_nobody_knows_is_an_error(tmp_path):
    found = compile_root(tmp_path, edited("platform.yaml", "igny8/v1", "igny8/v7")).findings
    assert "IG107" in [item.code for item in found]


def test_a_current_file_is_none_of_its_business():
    assert compile_texts(FILES).findings == ()
    assert migrate_text(STEPS[0], "Account", FILES["accounts/acme.yaml"]) == FILES["accounts/acme.yaml"]

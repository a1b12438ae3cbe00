"""The static publisher with real git: one commit an article, whoever pushes meanwhile and whatever dies."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError
from static_site import ARTICLE, Site, change_at, git, hook, keys, new_remote, subjects, with_images

from reconciler.publishers.port import Preflight, PublishFailure, Remote
from reconciler.publishers.static_settings import StaticSettings

CONFIG = {"hugo.toml": "title = 'mine'\n", "README.md": "the site\n"}


def site_of(tmp_path: Path, bare: Path, name: str = "root", **git_settings: object) -> Site:
    """Return a site whose folder is a clone that the program makes and keeps."""
    (tmp_path / name).mkdir(exist_ok=True)
    return Site(tmp_path / name, {"git": {"remote": str(bare)} | git_settings})


def work_tree(tmp_path: Path, bare: Path, **git_settings: object) -> Site:
    """Return a site whose folder lies in a clone that a person made."""
    git(tmp_path, "clone", "--quiet", str(bare), str(tmp_path / "root"))
    git(tmp_path / "root", "config", "user.email", "pat@blog.example")
    git(tmp_path / "root", "config", "user.name", "Pat")
    return Site(tmp_path / "root", {"git": git_settings})


def failure(end: object, scope: str) -> PublishFailure:
    assert isinstance(end, PublishFailure), end
    assert end.scope == scope, end
    return end


def test_an_article_is_one_commit_with_its_key_at_the_remote_and_publishing_again_makes_none(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    end = site.publish(with_images(tmp_path))
    assert isinstance(end, Remote)
    assert (end.state, end.version) == ("public", git(bare, "rev-parse", "main"))
    assert subjects(bare) == ["Begin", 'Publish “Say "hi": a \\ guide”']
    assert git(bare, "show", "--name-only", "--format=%an <%ae>", "main").split("\n\n") == [
        "igny8 <igny8@localhost>",
        "\n".join(f"content/posts/say-hi/{name}" for name in ("index.md", "say-hi-1.png", "say-hi-2.png")),
    ]
    again = site.publish(with_images(tmp_path))
    assert replace(again, version=end.version) == end
    assert keys(bare) == ["key-1"]
    assert git(site.folder, "status", "--porcelain") == ""


def test_an_empty_remote_gets_a_whole_small_site(tmp_path):
    bare = new_remote(tmp_path)
    end = site_of(tmp_path, bare).publish()
    assert isinstance(end, Remote)
    names = git(bare, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {"hugo.toml", "layouts/page.html", ".gitignore", "content/posts/say-hi/index.md"} <= set(names)
    assert keys(bare) == ["key-1"]


def test_a_refused_push_is_made_anew_on_what_somebody_pushed_meanwhile(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    assert isinstance(site.publisher.check(), Preflight)
    change_at(bare, {"about.md": "1\n"}, "Colleague one")
    colleague = tmp_path / "colleague"
    # Between our fetch and our push: the hook is git's own, it runs when a push has begun, and does so once.
    hook(site.folder, "pre-push", f"[ -e {tmp_path}/done ] || {{ touch {tmp_path}/done; cd {colleague}; unset GIT_DIR;"
         " git -c user.name=Pat -c user.email=p@x.example commit -q --allow-empty -m 'Colleague two';"
         " git push -q origin HEAD:main; }")  # fmt: skip
    end = site.publish()
    assert isinstance(end, Remote)
    assert subjects(bare)[1:] == ["Colleague one", "Colleague two", 'Publish “Say "hi": a \\ guide”']
    assert keys(bare) == ["key-1"]


def test_an_answer_that_is_lost_after_the_push_is_found_out_by_looking(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    hook(bare, "post-receive", "kill -9 $PPID")
    end = site.publish()
    assert isinstance(end, Remote), end
    assert end.version == git(bare, "rev-parse", "main")
    assert keys(bare) == ["key-1"]


def test_a_remote_that_declines_stops_the_site_with_its_own_words(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    hook(bare, "pre-receive", "echo 'only on weekdays' >&2; exit 1")
    assert "only on weekdays" in failure(site.publish(), "site").message
    assert keys(bare) == []
    hook(bare, "pre-receive", "exit 0")
    assert isinstance(site.publish(), Remote)
    assert keys(bare) == ["key-1"]


def test_what_people_have_in_their_work_tree_is_neither_pushed_nor_touched(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = work_tree(tmp_path, bare)
    (site.root / "draft.md").write_text("not ready\n")
    git(site.root, "add", "draft.md")
    (site.root / "README.md").write_text("half a sentence\n")
    assert isinstance(site.publish(), Remote)
    assert git(bare, "show", "main:README.md") == "the site"
    assert "draft.md" not in git(bare, "ls-tree", "-r", "--name-only", "main")
    assert git(site.root, "rev-parse", "HEAD") == git(bare, "rev-parse", "main"), "the branch came along"
    assert git(site.root, "status", "--porcelain").splitlines() == ["M README.md", "A  draft.md"]

    git(site.root, "commit", "--quiet", "--message", "Mine")
    checked = site.publisher.check()
    assert "1 commits of main are not pushed" in checked.warnings[0]
    assert isinstance(site.publish(replace(ARTICLE, key="key-2", slug="two")), Remote)
    assert (keys(bare), "Mine" in subjects(bare)) == (["key-1", "key-2"], False)
    assert git(site.root, "log", "-1", "--format=%s") == "Mine"


def test_without_push_the_commit_stays_in_the_work_tree(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = work_tree(tmp_path, bare, push=False, author="Robot <robot@blog.example>")
    assert isinstance(site.publish(), Remote)
    assert isinstance(site.publish(), Remote)
    assert git(site.root, "log", "-1", "--format=%an %ae") == "Robot robot@blog.example"
    assert git(site.root, "rev-list", "--count", "HEAD") == "2"
    assert git(site.root, "status", "--porcelain") == ""
    assert subjects(bare) == ["Begin"]


def test_a_change_at_the_remote_is_seen_and_overwritten_only_by_force(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    first = site.publish(with_images(tmp_path))
    assert site.publisher.look([first]) == (first,)
    page = "content/posts/say-hi/index.md"
    change_at(bare, {page: site.page().read_text() + "\nby hand\n"}, "Mend a sentence")
    (seen,) = site.publisher.look([first])
    assert (seen.state, seen.fingerprint != first.fingerprint) == ("public", True)
    new = with_images(tmp_path, replace(ARTICLE, markdown="New text.\n"), colour="red")
    assert "changed by hand" in failure(site.update(new, first), "changed-by-hand").message
    forced = site.update(new, first, force=True)
    assert isinstance(forced, Remote)
    assert "New text." in git(bare, "show", f"main:{page}")
    assert subjects(bare)[-1] == 'Update “Say "hi": a \\ guide”'
    assert site.update(new, forced).version == forced.version, "the same bytes make no commit"


def test_a_withdrawn_article_leaves_with_its_images_and_comes_back(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    first = site.publish(with_images(tmp_path))
    gone = site.publisher.withdraw(first)
    assert gone.state == "missing"
    assert "content" not in git(bare, "ls-tree", "-r", "--name-only", "main")
    assert site.publisher.withdraw(first).state == "missing"
    back = site.publish(with_images(tmp_path), gone)
    assert (back.state, back.fingerprint) == ("public", first.fingerprint)
    assert [subject.split()[0] for subject in subjects(bare)] == ["Begin", "Publish", "Withdraw", "Publish"]


def test_an_article_that_somebody_removed_is_not_brought_back_behind_their_back(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    first = site.publish()
    change_at(bare, {"content/posts/say-hi/index.md": None}, "Remove it")
    assert site.publisher.look([first])[0].state == "missing"
    assert "somebody removed it" in failure(site.publish(), "article").message
    assert "removed by hand" in failure(site.update(ARTICLE, first), "changed-by-hand").message


def test_two_daemons_with_a_clone_each_publish_every_article_once(tmp_path):
    """Both at once, the same four articles each: whoever is second finds the key."""
    bare = new_remote(tmp_path, files=CONFIG)
    sites = [site_of(tmp_path, bare, name) for name in ("one", "two")]
    articles = [replace(ARTICLE, key=f"key-{number}", slug=f"say-{number}") for number in range(4)]

    def work(site: Site) -> list[Remote | PublishFailure]:
        return [site.publish(article) for article in articles]

    with ThreadPoolExecutor(2) as pool:
        ends = [end for done in pool.map(work, sites) for end in done]
    assert [end for end in ends if not isinstance(end, Remote)] == []
    assert sorted(keys(bare)) == ["key-0", "key-1", "key-2", "key-3"]


def test_what_a_dead_git_left_locked_in_our_clone_is_cleared(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    assert isinstance(site.publisher.check(), Preflight)
    for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock", "refs/remotes/origin/main.lock"):
        (site.folder / ".git" / lock).write_text("")
    (site.folder / "content/posts/half").mkdir(parents=True)
    (site.folder / "content/posts/half/index.md").write_text("left behind\n")
    assert isinstance(site.publish(), Remote)
    assert git(site.folder, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("prepare", "scope", "message"),
    [
        (lambda site, bare: bare.rename(bare.with_name("moved.git")), "site", "does not appear to be a git repository"),
        (lambda site, bare: site.page().parent.mkdir(parents=True), "site", "has files already"),
        (lambda site, bare: git(site.root, "clone", "--quiet", str(bare), str(site.folder)), "site", "somebody else made"),
    ],
)  # fmt: skip
def test_a_clone_that_cannot_be_had_stops_the_site_with_the_reason(tmp_path, prepare, scope, message):
    bare = new_remote(tmp_path, files=CONFIG)
    site = site_of(tmp_path, bare)
    prepare(site, bare)
    assert message in failure(site.publish(), scope).message


def test_a_number_in_an_address_is_no_refusal(tmp_path):
    """Nothing listens at that port; what git says of it holds 401 and 403."""
    site = Site(tmp_path, {"git": {"remote": "http://127.0.0.1:9/site-401-403.git"}})
    assert "site-401-403" in failure(site.publish(), "try-again").message


def test_a_folder_outside_of_any_repository_is_told(tmp_path):
    (tmp_path / "root").mkdir()
    end = failure(Site(tmp_path / "root", {"git": {}}).publish(), "site")
    assert "does not lie in a git repository" in end.message
    assert "git.remote" in end.hint


def test_files_that_git_ignores_are_told_rather_than_forced(tmp_path):
    bare = new_remote(tmp_path, files=CONFIG | {".gitignore": "content/\n"})
    end = failure(site_of(tmp_path, bare).publish(), "try-again")
    assert "ignored" in end.message


def test_a_remote_that_asks_for_a_password_is_answered_with_the_token_and_never_on_a_terminal(tmp_path):
    asked: list[str] = []

    class Guard(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = site_of(tmp_path, Path("x"), remote=f"http://127.0.0.1:{server.server_port}/blog.git")
    site.secrets["git_token"] = "t0ken"
    end = failure(site.publish(), "site")
    server.shutdown()
    server.server_close()
    assert "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=" in asked
    assert "t0ken" not in end.message + "".join(path.read_text() for path in (site.folder / ".git").glob("config"))


@pytest.mark.parametrize(
    "settings",
    [
        {"remote": "https://pat:secret@host.example/x.git"}, {"remote": "--upload-pack=x"}, {"remote": "ext::sh -c x"},
        {"branch": "-x"}, {"branch": "a..b"}, {"branch": "a b"}, {"author": "nobody"}, {"timeout": "soon"},
    ],
)  # fmt: skip
def test_settings_that_git_would_take_for_something_else_are_refused(settings):
    with pytest.raises(ValidationError):
        StaticSettings.model_validate({"path": "out", "git": settings})

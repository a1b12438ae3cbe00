"""An article's Markdown written anew, so that no generator's dialect finds anything in it that runs.

The text is parsed as the review parsed it (CommonMark with tables and strikethrough, no HTML), and each piece is written
back in the form that goldmark, kramdown, markdown-it and remark read alike. What would start a tag, a template, an
attribute list or another dialect's block is escaped; links lead to http, https, mail and relative places only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_ESCAPED = re.compile(r"[\\`*\[\]{|~]|\$(?=\$)|(?<!\w)_|_(?!\w)")
_LINE_START = re.compile(r"(?m)^(\s*)(?:([#>+=:-])|(\d{1,9})([.)])(?=\s|$))")
_PUNCTUATION = re.compile(r"[^\w\s]", re.ASCII)
_SCHEME = re.compile(r"([a-zA-Z][\w+.-]*):")
_SCHEMES = ("http", "https", "mailto")
_LANGUAGE = re.compile(r"[\w+#-]{1,20}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a generator needs beyond plain CommonMark.

    `keeps_html` says that its pages keep HTML, so that code which its Markdown or its templates might take for more than
    code is written as HTML of entities; `runs_in_code` finds such code. `in_code` changes code that cannot be so written.
    """

    keeps_html: bool
    runs_in_code: re.Pattern[str] | None = None
    in_code: Callable[[str], str] = str


def inert_markdown(markdown: str, dialect: Dialect, figures: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the Markdown made inert, with figures placed after the headings that they are filed under.

    `figures` has finished Markdown by casefolded heading; what finds no heading stands at the end.
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).parse(markdown)
    writer = _Writer(dialect)
    left = dict(figures or {})
    blocks: list[str] = []
    for block, text in writer.each(tokens):
        blocks.append(text)
        if block[0].type == "heading_open":
            plain = "".join(child.content for child in block[1].children or [])
            for name in (block[1].content.casefold(), plain.casefold()):
                blocks += left.pop(name, ())
    blocks += [figure for rest in left.values() for figure in rest]
    return "\n\n".join(block for block in blocks if block) + "\n"


def inert_line(text: str) -> str:
    """Return a caption or an alternative text as one line that may stand in quotes, brackets and attributes."""
    text = _PUNCTUATION.sub(lambda found: found[0] if found[0] in ".,;:!?()-/%'+=" else f"&#{ord(found[0])};", text)
    return " ".join(text.split())


def _blocks(tokens: Sequence[Token]) -> Iterable[list[Token]]:
    """Yield the outermost blocks, each with all of its tokens."""
    block: list[Token] = []
    depth = 0
    for token in tokens:
        block.append(token)
        depth += token.nesting
        if depth == 0:
            yield block
            block = []


@dataclass(frozen=True, slots=True)
class _Writer:
    dialect: Dialect
    nested: bool = False

    def block(self, tokens: list[Token], marker: str = "-") -> str:
        first, inner = tokens[0], tokens[1:-1]
        match first.type:
            case "paragraph_open":
                return self.paragraph(tokens[1])
            case "heading_open":
                level = max(2, int(first.tag[1]))
                line = self.inline(tokens[1]).replace("  \n", " ").replace("\n", " ")
                return "#" * level + " " + re.sub(r"(#+)$", lambda found: "\\#" * len(found[1]), line)
            case "fence" | "code_block":
                return self.code(first)
            case "hr":
                return "___"
            case "blockquote_open":
                return _prefixed(self.many(inner), "> ", "> ")
            case "bullet_list_open" | "ordered_list_open":
                return self.items(first, inner, marker)
            case "table_open":
                return self.table(inner)
        raise AssertionError(f"no form for {first.type}")

    def each(self, tokens: Sequence[Token]) -> Iterable[tuple[list[Token], str]]:
        before, marker = "", "-"
        for block in _blocks(tokens):
            # Two lists in a row would become one: the other marker parts them.
            marker = "*" if block[0].type == before == "bullet_list_open" and marker == "-" else "-"
            yield block, self.block(block, marker)
            before = block[0].type

    def many(self, tokens: Sequence[Token], *, tight: bool = False) -> str:
        writer = _Writer(self.dialect, nested=True)
        return ("\n" if tight else "\n\n").join(text for _, text in writer.each(tokens))

    def paragraph(self, token: Token) -> str:
        text = self.inline(token)
        return _LINE_START.sub(lambda at: at[1] + (f"\\{at[2]}" if at[2] else f"{at[3]}\\{at[4]}"), text)

    def items(self, first: Token, inner: Sequence[Token], marker: str) -> str:
        number = int(first.attrGet("start") or 1)
        tight = any(
            token.hidden for token in inner if token.type == "paragraph_open" and token.level == first.level + 2
        )
        texts: list[str] = []
        for index, item in enumerate(_blocks(inner)):
            lead = f"{marker} " if first.type == "bullet_list_open" else f"{number + index}. "
            texts.append(_prefixed(self.many(item[1:-1], tight=tight), lead, " " * len(lead)))
        return ("\n" if tight else "\n\n").join(texts)

    def table(self, inner: Sequence[Token]) -> str:
        rows: list[str] = []
        cells: list[str] = []
        aligns: list[str] = []
        for token in inner:
            if token.type == "th_open":
                style = str(token.attrGet("style") or "")
                aligns.append({"left": ":--", "right": "--:", "center": ":-:"}.get(style.rpartition(":")[2], "---"))
            elif token.type == "inline":
                cells.append(self.inline(token, in_table=True).replace("\n", " "))
            elif token.type == "tr_close":
                rows.append(f"| {' | '.join(cells)} |")
                cells = []
        return "\n".join((rows[0], f"| {' | '.join(aligns)} |", *rows[1:]))

    def code(self, token: Token) -> str:
        text = token.content.rstrip("\n")
        words = token.info.split()
        language = words[0] if words and _LANGUAGE.fullmatch(words[0]) else ""
        runs = self.dialect.runs_in_code is not None and self.dialect.runs_in_code.search(text)
        if self.dialect.keeps_html and (runs or (self.nested and re.search("[<{]", text))):
            name = f' class="language-{language}"' if language else ""
            return f"<pre><code{name}>{_entities(text)}</code></pre>"
        fence = "`" * max(3, _longest_run(text) + 1)
        return f"{fence}{language}\n{self.dialect.in_code(text)}\n{fence}"

    def inline(self, token: Token, *, in_table: bool = False) -> str:
        return "".join(self.pieces(token.children or [], in_table=in_table))

    def pieces(self, tokens: Sequence[Token], *, in_table: bool) -> Iterable[str]:
        closings: list[str] = []
        for token in tokens:
            match token.type:
                case "text":
                    yield _text(token.content)
                case "softbreak":
                    yield "\n"
                case "hardbreak":
                    yield "  \n"
                case "code_inline":
                    yield self.code_span(token.content, in_table=in_table)
                case "image":
                    yield _image(token)
                case "link_open":
                    target = _target(str(token.attrGet("href") or ""), str(token.attrGet("title") or ""))
                    closings.append(f"]({target})" if target else "")
                    yield "[" if target else ""
                case "link_close":
                    yield closings.pop()
                case _:
                    yield token.markup

    def code_span(self, text: str, *, in_table: bool) -> str:
        if self.dialect.keeps_html and re.search(r"[<{|`]", text):
            return f"<code>{_entities(text)}</code>"
        text = self.dialect.in_code(text)
        text = text.replace("|", "\\|") if in_table else text
        fence = "`" * (_longest_run(text) + 1)
        pad = (
            " " if text.startswith("`") or text.endswith("`") or (text[:1] == text[-1:] == " " and text.strip()) else ""
        )
        return f"{fence}{pad}{text}{pad}{fence}"


def _text(text: str) -> str:
    text = _ENTITY.sub("&amp;", text)
    text = _TAG.sub("&lt;", _ESCAPED.sub(lambda found: f"\\{found[0]}", text))
    return re.sub(r"(?m)^\^", "&#94;", text)


def _image(token: Token) -> str:
    alt = "".join(child.content for child in token.children or [] if child.type in ("text", "code_inline"))
    target = _target(str(token.attrGet("src") or ""), str(token.attrGet("title") or ""))
    return f"![{inert_line(alt)}]({target})" if target else _text(alt)


def _target(url: str, title: str) -> str:
    """Return a link's target as it stands between the parentheses; empty for one that leads nowhere allowed."""
    scheme = _SCHEME.match(url)
    if not url or (scheme and scheme[1].lower() not in _SCHEMES):
        return ""
    url = _ENTITY.sub("&amp;", url.replace("(", "%28").replace(")", "%29"))
    return f'{url} "{inert_line(title)}"' if title.strip() else url


def _entities(text: str) -> str:
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", text).replace("\n", "&#10;")


def _prefixed(text: str, first: str, rest: str) -> str:
    head, *tail = text.split("\n")
    return "\n".join((first + head, *((rest + line).rstrip(" ") if not line else rest + line for line in tail)))


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)

"""Files that somebody might write to keep a compiler busy, or to kill it. Each replaces the platform's file."""

from __future__ import annotations

from config_root import FILES

PLATFORM = "platform.yaml"
MEBIBYTE = 1024 * 1024 - 300
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
BOMB += "d: &d [*c,*c,*c,*c,*c,*c,*c,§*c,*c,*c]\n"
HOSTILE = {
    "brackets": "[" * MEBIBYTE, "braces": "{a: " * 40_000, "dashes": "- " * (MEBIBYTE // 2),
    "bombs": "x: " + BOMB.replace("§", "") * 50, "an open text": "x: '" + "''" * (MEBIBYTE // 2),
    "a long kind": "apiVersion: igny8/v1\nkind: " + "x" * MEBIBYTE, "items": "- a\n" * (MEBIBYTE // 4),
    "unknown keys": FILES[PLATFORM] + "".join(f"k{number}: 1\n" for number in range(80_000)),
    "keys twice": FILES[PLATFORM] + "a: 1\n" * 200_000, "a wide list": FILES[PLATFORM] + "x: [" + "1," * 400_000 + "1]\n",
}  # fmt: skip

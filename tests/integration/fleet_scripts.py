# SPDX-License-Identifier: ISC
"""The scripts of supervisor/fleet/fleet_scripts.c, to be run as they are."""
import ast
import re

from node import ROOT

# A string, a name or the end of what is said of one.
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\w+|;')


def text_of(words, known):
    """Strings and names of other scripts' parts -> one string."""
    return "".join(ast.literal_eval(word) if word[0] == '"' else known[word]
                   for word in words)


def read():
    """{name: Lua}"""
    source = (ROOT / "supervisor/fleet/fleet_scripts.c").read_text()
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    known = {}
    for name, body in re.findall(r"#define (\w+)((?:[^\n]*\\\n)*[^\n]*)\n",
                                 source):
        known[name] = text_of(WORD.findall(body.replace("\\\n", " ")), known)
    found = {}
    for part in re.split(r"const char \*const fleet_script_", source)[1:]:
        name, _, body = part.partition(" =")
        words = WORD.findall(body)
        found[name] = text_of(words[:words.index(";")], known)
    return found


SCRIPTS = read()


def run(redis, name, keys, *args):
    """One of them; its keys are those of the fleet "main"."""
    return redis("EVAL", SCRIPTS[name], len(keys),
                 *[f"{{main}}:{key}" for key in keys], *args)

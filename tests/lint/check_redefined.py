#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""No Python name is defined twice in one block, nor a key in one dict.

The second of two tests of one name is the only one that runs.
"""
import ast

from tree import finish, sources

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def is_accessor(node):
    """@name.setter and the like are meant to share the name."""
    return any(isinstance(decorator, ast.Attribute) and
               decorator.attr in ("getter", "setter", "deleter")
               for decorator in node.decorator_list)


def blocks(node):
    """The lists of statements that a node has."""
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and \
                isinstance(value[0], ast.stmt):
            yield value


def repeated(nodes, key):
    """Yield those whose key an earlier one had."""
    seen = set()
    for node in nodes:
        if key(node) in seen:
            yield node
        seen.add(key(node))


def problems_of(tree):
    """Yield (line number, what is defined again)."""
    for node in ast.walk(tree):
        for block in blocks(node):
            definitions = [statement for statement in block
                           if isinstance(statement, DEFINITIONS) and
                           not is_accessor(statement)]
            for again in repeated(definitions, lambda found: found.name):
                yield again.lineno, again.name
        if isinstance(node, ast.Dict):
            keys = [key for key in node.keys if isinstance(key, ast.Constant)]
            for again in repeated(keys, lambda found: found.value):
                yield again.lineno, repr(again.value)


def main():
    problems = []
    for path, lines in sources(".py"):
        for number, name in problems_of(ast.parse("\n".join(lines))):
            problems.append(f"{path}:{number}: {name} was defined before")
    finish(problems)


main()

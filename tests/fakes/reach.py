"""What code can reach, found by reading it: the functions that a function names, those that these name, and so on.

Rather too much than too little: whoever names a function may call it, and an attribute may be any method of that name
of a class that is in reach.
"""

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

Name = tuple[str, str]
"""A module, and what it defines: a function, a variable, a class, or `Class.method`."""


class Package:
    """All modules of a package; those in `silent` are taken to reach nothing."""

    def __init__(self, name: str, silent: Iterable[str] = ()) -> None:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        self._code: dict[Name, list[ast.AST]] = {}
        self._imported: dict[str, dict[str, str]] = {}
        for path in root.rglob("*.py"):
            module = ".".join([name, *path.relative_to(root).with_suffix("").parts])
            if module not in silent:
                self._read(module, ast.parse(path.read_text("utf-8")))

    def reach(self, *starts: Name) -> set[Name]:
        """What can run once these are called."""
        reached: set[Name] = set()
        attributes: set[str] = set()
        new = set(starts)
        while new:
            reached |= new
            attributes |= {attribute for name in new for attribute in self._attributes(name)}
            found = {used for name in new for used in self._names(name)} | set(self._methods(reached, attributes))
            new = found - reached
        return reached

    def _read(self, module: str, tree: ast.Module) -> None:
        self._imported[module] = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in tree.body:
            match node:
                case ast.FunctionDef(name=name):
                    self._code[module, name] = [node]
                case ast.ClassDef(name=name):
                    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
                    self._code[module, name] = [one for one in ast.iter_child_nodes(node) if one not in methods]
                    self._code |= {(module, f"{name}.{method.name}"): [method] for method in methods}
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    self._code[module, name] = [node]

    def _walk(self, name: Name) -> Iterator[ast.AST]:
        return (node for top in self._code[name] for node in ast.walk(top))

    def _attributes(self, name: Name) -> Iterator[str]:
        return (node.attr for node in self._walk(name) if isinstance(node, ast.Attribute))

    def _names(self, name: Name) -> Iterator[Name]:
        """What a definition names of this package."""
        module = name[0]
        imported = self._imported[module]
        for node in self._walk(name):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner in imported:
                    used = imported[owner], attribute
                case ast.Name(id=local) if local in imported:
                    source, _, original = imported[local].rpartition(".")
                    used = source, original
                case ast.Name(id=local):
                    used = module, local
                case _:
                    continue
            if used in self._code:
                yield used

    def _methods(self, reached: set[Name], attributes: set[str]) -> Iterator[Name]:
        for module, definition in self._code:
            owner, _, method = definition.partition(".")
            if (module, owner) in reached and (method in attributes or method.startswith("__")):
                yield module, definition

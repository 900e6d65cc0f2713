"""The functions that a function can call, directly or through others, found in the source code.

The result may contain too much, but never too little: a named function counts as called, and an attribute counts as
every method of that name in each reached class.
"""

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

Name = tuple[str, str]
"""A module, and a definition in it: a function, a variable, a class, or `Class.method`."""


class Package:
    """All modules of a package. The modules in `silent` are ignored."""

    def __init__(self, name: str, silent: Iterable[str] = ()) -> None:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        self._code: dict[Name, list[ast.AST]] = {}
        self._imported: dict[str, dict[str, str]] = {}
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            module = ".".join([name, *(part for part in parts if part != "__init__")])
            if module not in silent:
                self._read(module, ast.parse(path.read_text("utf-8")))

    def reach(self, *starts: Name) -> set[Name]:
        """The definitions that calls of `starts` can reach."""
        reached: set[Name] = set()
        attributes: set[str] = set()
        new = set(starts)
        while new:
            reached |= new
            attributes |= {attribute for name in new for attribute in self._attributes(name)}
            found = {used for name in new for used in self._names(name)} | set(self._methods(reached, attributes))
            new = found - reached
        return reached

    def definitions(self) -> set[Name]:
        return set(self._code)

    def names(self, name: Name) -> set[Name]:
        """The definitions of this package that a definition names."""
        return set(self._names(name))

    def accesses(self, name: Name) -> set[tuple[str, str]]:
        """The attributes that a definition uses, each with its owner: `my.store.get` is (store, get)."""
        return {
            (owner.rpartition(".")[2], node.attr)
            for node in self._walk(name)
            if isinstance(node, ast.Attribute) and (owner := _dotted(node.value))
        }

    def _read(self, module: str, tree: ast.Module) -> None:
        imported = self._imported[module] = {}
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module=source, names=aliases):
                    imported |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in aliases}
                case ast.Import(names=aliases):
                    first = {alias.name.partition(".")[0] for alias in aliases if not alias.asname}
                    imported |= {alias.asname: alias.name for alias in aliases if alias.asname}
                    imported |= {name: name for name in first}
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
        module = name[0]
        for node in self._walk(name):
            if dotted := _dotted(node):
                first, _, rest = dotted.partition(".")
                source = self._imported[module].get(first, f"{module}.{first}")
                if used := self._find(f"{source}.{rest}".rstrip(".")):
                    yield used

    def _find(self, dotted: str) -> Name | None:
        """The definition with a full name, also if a package re-exports it. The longest module name wins: `a.b.c` is
        first `c` of `a.b`, and then `b` of `a`."""
        parts = dotted.split(".")
        for end in range(len(parts) - 1, 0, -1):
            module, name = ".".join(parts[:end]), parts[end]
            if (module, name) in self._code:
                return module, name
            if found := self._imported.get(module, {}).get(name):
                return self._find(found)
        return None

    def _methods(self, reached: set[Name], attributes: set[str]) -> Iterator[Name]:
        for module, definition in self._code:
            owner, _, method = definition.partition(".")
            if (module, owner) in reached and (method in attributes or method.startswith("__")):
                yield module, definition


def _dotted(node: ast.AST) -> str:
    """The text of a dotted name such as `a.b.c`, or an empty string for another node."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=attribute) if before := _dotted(owner):
            return f"{before}.{attribute}"
    return ""

"""What code a result follows from: the definitions that it reaches, by name, through imports.

A definition is a function, a class or a constant at the top of a module. From the ones that make a
result, whatever they name is reached, what that names in turn, and so through every room; what
isn't named can't change it. A definition is hashed by its meaning: comments, docstrings and layout
don't count. Where a name can't be followed, its whole module is reached: rather too much than too
little.
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

PACKAGE: Final = Path(__file__).parents[1]
EVERYTHING: Final = "*"
LOOSE: Final = ""  # a module's statements that define nothing, but run when it is imported
# A module's dotted name, and a name in it.
Name = tuple[str, str]


class Definition(NamedTuple):
    """One definition of a module.

    Attributes
    ----------
    module, name
        Where it stands.
    meaning
        Hash of what it does.
    names
        What it names, in its own module and in others of the package.
    words
        The attributes and the strings in it: which keys of params it could read.
    """

    module: str
    name: str
    meaning: str
    names: frozenset[Name]
    words: frozenset[str]


class Code:
    """The package's definitions, read as they are needed.

    Parameters
    ----------
    package
        The package's folder; None for this one.
    """

    def __init__(self, package: Path | None = None) -> None:
        self.package = package or PACKAGE
        self._modules: dict[str, _Module] = {}

    def reach(self, roots: Iterable[str]) -> frozenset[Definition]:
        """Collect what these definitions reach, themselves included.

        Parameters
        ----------
        roots
            Dotted names, such as `fvlib.trial.trial.build_trial`; a method stands for its class.
        """
        seen: set[Name] = set()
        reached: set[Definition] = set()
        todo = [self._split(root) for root in roots if root.startswith(f"{self.package.name}.")]
        while todo:
            if (name := todo.pop()) in seen:
                continue
            seen.add(name)
            for found in self._find(*name):
                if isinstance(found, Definition):
                    reached.add(found)
                    todo += found.names
                else:
                    todo.append(found)
        return frozenset(reached)

    def _find(self, module: str, name: str) -> Iterator[Definition | Name]:
        """Find what a name stands for: a definition, or where else to look."""
        there = self._module(module)
        if name in there.imported:
            yield there.imported[name]
        elif name in there.defined:
            yield there.define(name)
            if LOOSE in there.defined:
                yield module, LOOSE
        elif name == EVERYTHING:
            yield from ((module, one) for one in (*there.defined, *there.imported))
        elif self._is_module(f"{module}.{name}"):
            yield f"{module}.{name}", EVERYTHING
        else:
            yield module, EVERYTHING

    def _split(self, dotted: str) -> Name:
        module, names = dotted, []
        while not self._is_module(module):
            module, _, name = module.rpartition(".")
            names.append(name)
        return module, names[-1] if names else EVERYTHING

    def _module(self, module: str) -> _Module:
        if module not in self._modules:
            self._modules[module] = _Module(module, self._path(module), self._is_module)
        return self._modules[module]

    def _is_module(self, module: str) -> bool:
        return self._path(module).is_file()

    def _path(self, module: str) -> Path:
        place = self.package.parent.joinpath(*module.split("."))
        return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def hash_modules(reached: Iterable[Definition]) -> dict[str, str]:
    """Hash what is reached, module by module."""
    return _hash_by(reached, lambda one: one.module.partition(".")[2])


def hash_rooms(reached: Iterable[Definition]) -> dict[str, str]:
    """Hash what is reached, room by room."""
    return _hash_by(reached, lambda one: one.module.partition(".")[2].partition(".")[0])


def _hash_by(reached: Iterable[Definition], place: Callable[[Definition], str]) -> dict[str, str]:
    told: dict[str, list[str]] = defaultdict(list)
    for one in sorted(reached, key=lambda one: one[:2]):
        told[place(one)].append(f"{one.module} {one.name} {one.meaning}")
    return {name: hashlib.sha256("\n".join(told[name]).encode()).hexdigest() for name in told}


class _Module:
    """A module's statements by the names that they define, and what it imports of the package."""

    def __init__(self, module: str, path: Path, is_module: Callable[[str], bool]) -> None:
        self.module = module
        self.defined: dict[str, list[ast.stmt]] = defaultdict(list)
        self._known: dict[str, Definition] = {}
        self.imported: dict[str, Name] = {}
        for statement in ast.parse(path.read_bytes()).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.imported |= self._imports(statement)
            elif not _says_nothing(statement):
                for name in _defines(statement):
                    self.defined[name].append(statement)
        self._aliases = {
            name: there
            for name, (origin, what) in self.imported.items()
            if is_module(there := origin if what == EVERYTHING else f"{origin}.{what}")
        }

    def define(self, name: str) -> Definition:
        """Describe what stands under a name, once for all that reach it."""
        if name not in self._known:
            self._known[name] = self._describe(name)
        return self._known[name]

    def _describe(self, name: str) -> Definition:
        names: set[Name] = set()
        words: set[str] = set()
        for statement in self.defined[name]:
            self._collect(statement, names, words)
        told = ";".join(_meaning(statement) for statement in self.defined[name])
        digest = hashlib.sha256(told.encode()).hexdigest()
        return Definition(self.module, name, digest, frozenset(names), frozenset(words))

    def _collect(self, node: ast.AST, names: set[Name], words: set[str]) -> None:
        match node:
            case ast.Attribute(value=ast.Name(id=alias), attr=attribute) if alias in self._aliases:
                names.add((self._aliases[alias], attribute))
                return
            case ast.Name(id=name) if name in self.defined or name in self.imported:
                names.add((self.module, name))
            case ast.Import() | ast.ImportFrom():
                names.update(self._imports(node).values())
            case ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                words.add(word)
        for child in ast.iter_child_nodes(node):
            self._collect(child, names, words)

    def _imports(self, statement: ast.Import | ast.ImportFrom) -> dict[str, Name]:
        """Name what an import binds, of the package's own."""
        package = self.module.partition(".")[0]
        if isinstance(statement, ast.ImportFrom):
            origin = statement.module or ""
            bound = {
                (alias.asname or alias.name): (origin, alias.name) for alias in statement.names
            }
        else:
            bound = {
                (alias.asname or alias.name.partition(".")[0]): (alias.name, EVERYTHING)
                for alias in statement.names
            }
        return {
            name: there for name, there in bound.items() if there[0].partition(".")[0] == package
        }


def _defines(statement: ast.stmt) -> set[str]:
    """Name what a statement of a module defines; one that defines nothing is loose."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            pass
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            targets = [target]
        case _:
            return {LOOSE}
    found = (node for target in targets for node in ast.walk(target))
    return {node.id for node in found if isinstance(node, ast.Name)} or {LOOSE}


def _says_nothing(node: Any) -> bool:
    """Whether it is a docstring, or a mere `...`."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _meaning(node: Any) -> str:
    """Write out a syntax tree without what says nothing, alike in each version of Python."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        told = (f"{name}={_meaning(value)}" for name, value in fields if name != "kind")
        return f"{type(node).__name__}({','.join(told)})"
    if isinstance(node, list):
        return f"[{','.join(_meaning(entry) for entry in node if not _says_nothing(entry))}]"
    return repr(node)

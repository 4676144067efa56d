"""Has a large package import the names that it re-exports when they are asked for, and not all of them at once.

The clients of OpenAI and Anthropic name two thousand modules in the `__init__.py` of their packages, of which an
embedding and an analysis need a third; the others are 31 MiB of a daemon's memory and .8 s of its processor's time.
What `defer` names is imported as PEP 562 has it: an `__init__.py` is run without those of its imports that it does not
use itself, and the module's `__getattr__` does each of them at its name's first use. Every name is still there, and is
the object that it would be; only when it is made differs. An `__init__.py` that cannot be understood that way is run
as it stands.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, find_spec, resolve_name
from pathlib import Path
from types import ModuleType

_WORD = re.compile(r"\w+")
_HOOKS = {"__getattr__", "__dir__"}
_GO_THROUGH_ALL = {"globals", "locals", "vars"}

NamesOf = Callable[[str], set[str] | None]
"""What `from module import *` brings; None if that cannot be told without importing it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an `__init__.py` is run.

    now: the statements that are run at once. later: the names that wait -> the module of each, and its name there.
    """

    now: ast.Module
    later: dict[str, tuple[str, str]]


def defer(*roots: str) -> None:
    """Import these top-level packages so, with all that is in them, from now on. What is imported already stays."""
    finder = next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    finder.roots |= set(roots)


def plan_of(source: str, package: str, beside: set[str], names_of: NamesOf) -> Plan | None:
    """What of an `__init__.py` can wait; None if nothing can, or if that cannot be told.

    Args:
        package: its full name. beside: the names of what lies in its folder: when such a module is imported it becomes
            the package's attribute of that name, so nothing else of that name can wait.

    Raises:
        SyntaxError: it is no Python.
    """
    body = ast.parse(source).body
    rest = [statement for statement in body if not _brings_names(statement)]
    words = set() if all(map(_is_plain, rest)) else _words(rest)
    if words & _HOOKS or (words & _GO_THROUGH_ALL and "__all__" not in words):
        return None
    used = words | beside
    now: list[ast.stmt] = []
    later: dict[str, tuple[str, str]] = {}
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and _brings_names(statement):
            module = resolve_name("." * statement.level + (statement.module or ""), package)
            aliases = _aliases(statement, names_of(module)) if statement.names[0].name == "*" else statement.names
            if aliases is None:
                return None
            later |= {_bound(alias): (module, alias.name) for alias in aliases if _bound(alias) not in used}
            statement.names = [alias for alias in aliases if _bound(alias) in used]
            if not statement.names:
                continue
        now.append(statement)
    return Plan(ast.Module(body=now, type_ignores=[]), later) if later else None


def public_names(source: str) -> set[str] | None:
    """What `from module import *` brings of a module with this source; None if only running it can tell.

    Raises:
        SyntaxError: it is no Python.
    """
    body = ast.parse(source).body
    nodes = [node for statement in body for node in ast.walk(statement)]
    lists = sum(isinstance(node, ast.Name) and node.id == "__all__" for node in nodes)
    if lists > 1 or any(isinstance(node, ast.NamedExpr) for node in nodes):
        return None
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=texts) | ast.Tuple(elts=texts)):
                listed = {text.value for text in texts if isinstance(text, ast.Constant)}
                return {name for name in listed if isinstance(name, str)} if len(listed) == len(texts) else None
            case ast.ImportFrom(module=module, names=aliases, level=level) if aliases[0].name != "*":
                names.update(map(_bound, aliases))
                if level == 1 and module:  # which makes that module an attribute
                    names.add(module.partition(".")[0])
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                names.add(name)
            case ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()):
                pass
            case _:
                return None
    return {name for name in names if not name.startswith("_")}


def _brings_names(statement: ast.stmt) -> bool:
    """Such as `from .module import name`; the name in `from . import name` may be a module's own."""
    return isinstance(statement, ast.ImportFrom) and statement.level > 0 and statement.module is not None


def _is_plain(statement: ast.stmt) -> bool:
    """Whether it uses no name: a text, `__all__ = [...]` or `from __future__ import ...`."""
    match statement:
        case ast.ImportFrom(module="__future__") | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() | ast.Tuple()):
            return True
    return False


def _words(statements: Sequence[ast.stmt]) -> set[str]:
    """All that may be a name in them: also in a text, such as an annotation, or what `__all__` lists to go through."""
    words: set[str] = set()
    for statement in statements:
        for node in ast.walk(statement):
            for _, value in ast.iter_fields(node):
                for text in value if isinstance(value, list) else (value,):
                    if isinstance(text, str):
                        words.update(_WORD.findall(text))
    return words


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _aliases(star: ast.ImportFrom, names: set[str] | None) -> list[ast.alias] | None:
    place = {"lineno": star.lineno, "col_offset": star.col_offset}
    return None if names is None else [ast.alias(name, None, **place) for name in sorted(names)]


class _Finder:
    """Finds what the path finder does, and has the public packages under its roots loaded by `_Loader`."""

    def __init__(self) -> None:
        self.roots: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, _, inner = name.partition(".")
        # Whether a private package can be imported at all is often asked, to do without it; that must not wait.
        if root not in self.roots or "._" in f".{inner}":
            return None
        spec = PathFinder.find_spec(name, path, target)
        # Nothing is known of what another loader loads, such as a zip file's.
        if spec is not None and spec.submodule_search_locations and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads one package by its plan; as it stands where there is none, or where it does not run by it."""

    def exec_module(self, module: ModuleType) -> None:
        try:
            if self._by_plan(module):
                return
        except Exception:  # if it cannot be imported at all, what follows says so
            for hook in _HOOKS:
                vars(module).pop(hook, None)
        super().exec_module(module)

    def _by_plan(self, module: ModuleType) -> bool:
        """Whether it was run so."""
        beside = {entry.name.partition(".")[0] for entry in self._folder.iterdir()}
        plan = plan_of(decode_source(self.get_data(self.path)), module.__name__, beside, self._names_of)
        if plan is None:
            return False
        _let_wait(module, plan.later, beside)
        exec(compile(plan.now, self.path, "exec", dont_inherit=True), vars(module))
        vars(module).setdefault("__all__", [name for name in dir(module) if not name.startswith("_")])
        return True

    @property
    def _folder(self) -> Path:
        return Path(self.path).parent

    def _names_of(self, module: str) -> set[str] | None:
        """See `NamesOf`; of modules in this package."""
        if not module.startswith(f"{self.name}."):
            return None
        file = self._folder.joinpath(*module.removeprefix(f"{self.name}.").split("."))
        for source in (file / "__init__.py", file.with_suffix(".py")):
            with suppress(OSError):
                return public_names(decode_source(source.read_bytes()))
        return None


def _let_wait(module: ModuleType, later: dict[str, tuple[str, str]], beside: set[str]) -> None:
    """Give the module a `__getattr__` that imports these names, and modules in its folder.

    The latter would be attributes by now, had all that imports them been imported.
    """
    package = module.__name__

    def get(name: str) -> object:
        if name in later:
            origin, its_name = later[name]
            value = vars(module)[name] = getattr(import_module(origin), its_name)
            return value
        inner = f"{package}.{name}"
        if name in beside and not name.startswith("__") and find_spec(inner):
            return import_module(inner)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*vars(module), *later})

    vars(module).update(__getattr__=get, __dir__=names)

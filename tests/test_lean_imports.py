"""What lean imports do with packages of every kind; tests/test_clients_imported.py has the clients themselves."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.lean_imports import defer, plan_of, public_names

_NUMBERS = itertools.count()
Make = Callable[[Mapping[str, str]], str]


def write(folder: Path, files: Mapping[str, str]) -> str:
    """A package of these files under a name that no other has; returns the name."""
    name = f"made_up_{next(_NUMBERS)}"
    for path, source in {"__init__.py": "", **files}.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return name


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Writes a package whose imports are deferred."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def one(files: Mapping[str, str]) -> str:
        made.append(write(tmp_path, files))
        defer(made[-1])
        return made[-1]

    yield one
    forget(made)


def forget(names: list[str]) -> None:
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]


def imported(package: str) -> set[str]:
    """The modules of a package that are there, without its name."""
    return {name.removeprefix(f"{package}.") for name in sys.modules if name.startswith(f"{package}.")}


def test_a_name_is_imported_when_it_is_asked_for(make: Make) -> None:
    name = make(
        {"__init__.py": "from .a import A as A\nfrom .b import B, C as D\n", "a.py": "A = []", "b.py": "B = C = []"}
    )
    package = importlib.import_module(name)
    assert imported(name) == set()
    assert {"A", "B", "D"} <= set(dir(package))
    assert imported(name) == set()
    assert package.D is package.B is importlib.import_module(f"{name}.b").C
    assert imported(name) == {"b"}
    assert vars(package)["D"] is package.D  # and is not asked for again


def test_packages_within_are_imported_so_too(make: Make) -> None:
    inner = {"x/__init__.py": "from .y import Y\nfrom .z import Z\n", "x/y.py": "Y = []", "x/z.py": "Z = []"}
    name = make(
        {"__init__.py": "from .x import Y, Z\nfrom .far import Far", "far.py": "from .x import Y\nFar = Y", **inner}
    )
    package = importlib.import_module(name)
    assert package.Far is package.Y
    assert imported(name) == {"far", "x", "x.y"}


def test_what_it_uses_itself_is_imported_at_once(make: Make) -> None:
    source = "from .a import A\nfrom .b import B\nB2 = [B]\ndef f():\n    return A\n"
    name = make({"__init__.py": source + "from .c import C", "a.py": "A = []", "b.py": "B = []", "c.py": "C = []"})
    package = importlib.import_module(name)
    assert imported(name) == {"a", "b"}
    assert package.f() is package.A
    assert package.B2 == [package.B]


def test_what_a_model_in_it_names_is_imported_at_once(make: Make) -> None:
    source = "from pydantic import BaseModel\nfrom .a import A, B\nclass Model(BaseModel):\n    value: 'list[A]'\n"
    package = importlib.import_module(make({"__init__.py": source, "a.py": "A = int\nB = str"}))
    assert set(vars(package)) & {"A", "B"} == {"A"}
    assert package.Model(value=["7"]).value == [7]


def test_what_it_lists_and_goes_through_is_imported_at_once(make: Make) -> None:
    """As a client does that gives all that it exports its own name."""
    source = (
        "from .a import A\nfrom .b import B\n__all__ = ['A']\n"
        "names = locals()\nfor name in __all__:\n    names[name].__module__ = 'me'\n"
    )
    name = make({"__init__.py": source, "a.py": "class A: ...", "b.py": "class B: ..."})
    package = importlib.import_module(name)
    assert imported(name) == {"a"}
    assert (package.A.__module__, package.B.__module__) == ("me", f"{name}.b")


def test_all_names_of_another_module_wait_where_it_lists_them(make: Make) -> None:
    name = make(
        {
            "__init__.py": "from .a import *\nfrom .b import *",
            "a.py": "__all__ = ['A']\nA = B = []",
            "b/__init__.py": "from .c import C, _D",
            "b/c.py": "C = _D = []",
        }
    )
    package = importlib.import_module(name)
    assert imported(name) == set()
    assert package.C is importlib.import_module(f"{name}.b").C
    assert imported(name) == {"b", "b.c"}
    assert package.A == []
    for absent in ("B", "_D"):
        assert not hasattr(package, absent)


@pytest.mark.parametrize(
    "source",
    [
        "from .b import *",  # which names are B's only running it tells
        "def __getattr__(name):\n    raise AttributeError(name)\n",
        "globals().update(E=sorted(globals()))",
        "from . import b",
    ],
)
def test_what_cannot_be_understood_runs_as_it_stands(make: Make, source: str) -> None:
    name = make({"__init__.py": f"from .a import A\n{source}\n", "a.py": "A = []", "b.py": "globals()['B'] = 1"})
    package = importlib.import_module(name)
    assert "A" in vars(package) or source == "from . import b"
    assert package.A == []


def test_what_does_not_run_by_its_plan_runs_as_it_stands(make: Make) -> None:
    name = make({"__init__.py": "from .a import A\nB = eval(chr(65))\n", "a.py": "A = []"})
    package = importlib.import_module(name)
    assert package.B is package.A
    assert not hasattr(package, "__getattr__")


def test_a_name_that_a_module_beside_has_too_is_imported_at_once(make: Make) -> None:
    """To import the module makes it the package's attribute, so that nobody would be asked for the function."""
    name = make({"__init__.py": "from .run import run\nfrom .a import A", "run.py": "def run(): ...", "a.py": "A = []"})
    importlib.import_module(f"{name}.run")
    package = importlib.import_module(name)
    assert package.run.__qualname__ == "run"
    assert imported(name) == {"run"}


def test_whether_a_private_package_is_there_does_not_wait(make: Make) -> None:
    source = "try:\n    from ._vendor import quick\nexcept ImportError:\n    quick = None\n"
    vendor = {
        "_vendor/__init__.py": "",
        "_vendor/quick/__init__.py": "from .c import Quick",
        "_vendor/quick/c.py": "import no_such_module_at_all",
    }
    package = importlib.import_module(make({"__init__.py": source, **vendor}))
    assert package.quick is None


def test_what_cannot_be_imported_says_so_and_leaves_nothing(make: Make) -> None:
    name = make({"__init__.py": "from .a import A\nraise LookupError('broken')\n", "a.py": "A = []"})
    with pytest.raises(LookupError, match="broken"):
        importlib.import_module(name)
    assert name not in sys.modules
    name = make({"__init__.py": "from .a import A\nfrom .no_such import B\n", "a.py": "A = []"})
    package = importlib.import_module(name)
    assert package.A == []
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        _ = package.B
    name = make({"__init__.py": "from .a import A\nthis is no Python\n", "a.py": "A = []"})
    with pytest.raises(SyntaxError):
        importlib.import_module(name)


def test_modules_of_a_package_are_its_attributes(make: Make) -> None:
    name = make({"__init__.py": "from .a import A", "a.py": "A = []", "b.py": "", "c.txt": "", "__main__.py": "1 / 0"})
    package = importlib.import_module(name)
    assert package.a.A is package.A
    assert isinstance(package.b, ModuleType)
    for absent in ("c", "d", "__main__", "__wrapped__"):
        assert not hasattr(package, absent)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'd'"):
        _ = package.d


def test_all_names_can_be_imported_of_it(make: Make) -> None:
    name = make({"__init__.py": "from .a import A, _A\nB = 1\n", "a.py": "A = _A = []"})
    found: dict[str, object] = {}
    exec(f"from {name} import *", found)
    assert {key for key in found if not key.startswith("__")} == {"A", "B"}


def test_other_packages_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    name = write(tmp_path, {"__init__.py": "from .a import A", "a.py": "A = []"})
    importlib.import_module(name)
    assert imported(name) == {"a"}
    defer(name)
    assert imported(name) == {"a"}
    forget([name])


MODULES = {f"m{n}.py": f"__all__ = ['A', 'B', '_C']\nA, B, _C, D = (f'm{n}.{{x}}' for x in 'ABCD')\n" for n in range(3)}
STATEMENTS = [
    "from .{m} import {a}",
    "from .{m} import {a} as {b}",
    "from .{m} import {a}, {b} as {a}",
    "from .{m} import *",
    "from .{m} import {a} as {m}",
    "from . import {m}",
    "{a} = 'own'",
    "{a} = {b} if '{b}' in globals() else 0",
    "def {a}():\n    return {b}",
    "__all__ = ['{a}']",
    "'''A text.'''",
    "if '{a}' in dir():\n    del {a}",
    "for {a} in '{b}':\n    pass",
    "try:\n    from .{m} import {a}\nexcept ImportError:\n    {b} = 0",
    "try:\n    raise KeyError\nexcept KeyError as {a}:\n    pass",
    "match '{b}':\n    case {a}:\n        pass",
    "class {a}:\n    text = type({b}).__name__",
]


@given(
    lines=st.lists(
        st.builds(
            lambda text, m, a, b: text.format(m=m, a=a, b=b),
            st.sampled_from(STATEMENTS),
            st.sampled_from(["m0", "m1", "m2"]),
            st.sampled_from("ABD"),
            st.sampled_from("ABD"),
        ),
        max_size=6,
    )
)
def test_every_name_is_what_it_would_be(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("packages")
    files = {"__init__.py": "\n".join(lines) + "\n", **MODULES}
    names = plain, lean = write(folder, files), write(folder, files)
    defer(lean)
    sys.path.insert(0, str(folder))
    try:
        expected = names_in(plain)
        found = names_in(lean, expected)
        assert {key: value for key, value in found.items() if key in expected} == expected
        assert set(found) - set(expected) <= {"m0", "m1", "m2"}  # a module may come when it is asked for
    finally:
        sys.path.remove(str(folder))
        forget(list(names))


def names_in(name: str, more: Iterable[str] = ()) -> dict[str, object]:
    """What a package has by every name, in words that do not depend on its own."""
    try:
        package = importlib.import_module(name)
    except Exception as error:
        return {"": type(error)}
    names = {key for key in {*dir(package), *more} if not key.startswith("__")}
    return {key: in_words(name, getattr(package, key)) for key in names}


def in_words(package: str, value: object) -> object:
    if isinstance(value, ModuleType):
        return "module " + value.__name__.removeprefix(package)
    if isinstance(value, type):
        return f"class {value.__name__}: {getattr(value, 'text', '')}"
    if not isinstance(value, FunctionType):
        return value
    try:
        returned = value()
    except (NameError, RecursionError) as error:
        return type(error)
    return "a function" if isinstance(returned, FunctionType) else in_words(package, returned)


def test_a_plan_is_told_without_running_anything() -> None:
    plan = plan_of("'''Text.'''\nfrom .a import A, B\nB()\nfrom ..up import C", "x.y", {"a"}, lambda module: None)
    assert plan is not None
    assert plan.later == {"A": ("x.y.a", "A"), "C": ("x.up", "C")}
    assert plan_of("from .a import A\nA()\n", "x", set(), lambda module: None) is None
    assert plan_of("import os\nfrom os import path\n", "x", set(), lambda module: None) is None
    with pytest.raises(SyntaxError):
        plan_of("from .a import", "x", set(), lambda module: None)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("__all__ = ['a', '_b']\nsome(thing)", {"a", "_b"}),
        ("__all__ = ('a',)", {"a"}),
        ("__all__ = ['a', *more]", None),
        ("__all__ = other", None),
        ("__all__ = ['a']\n__all__ += other", None),
        ("'''Text.'''\nfrom .m import a as b, _c\nfrom typing import Any\nD: Any = b\nE: Any", {"m", "b", "Any", "D"}),
        ("from .m import *", None),
        ("if x:\n    y = 1", None),
        ("D: int = (e := 1)", None),
        ("", set()),
    ],
)
def test_what_a_star_brings_is_told_or_is_not(source: str, names: set[str] | None) -> None:
    assert public_names(source) == names

"""The source of the package, for tests that read it: nothing of ours is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "analytics_etl"
ROOT = PACKAGE.name

SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """Name below the package: `tables.loading`; of a package's own file, the package's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or ROOT


def part_of(module: str) -> str:
    """The top of a module's name, which the rules are about."""
    return module.split(".", maxsplit=1)[0]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.AST, *, lazily_too: bool = True) -> Iterator[str]:
    """Every imported name in full: `from a.b import c` is a.b.c. Without those inside functions if told so."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif lazily_too or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, lazily_too=lazily_too)


def imported_modules(tree: ast.AST) -> set[str]:
    """The modules of ours that are imported, names of functions cut off."""
    known = {module_of(path) for path in SOURCES}
    found = set()
    for name in imports(tree):
        if part_of(name) == ROOT:
            below = name.removeprefix(ROOT).lstrip(".")
            while below and below not in known:
                below = below.rpartition(".")[0]
            if below:
                found.add(below)
    return found

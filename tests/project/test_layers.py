"""Who may import whom, read from the source: nothing of ours is imported, so a rule holds for lines that never run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import PACKAGE, ROOT, SOURCES, imported_modules, imports, module_of, part_of, tree_of

LIBRARIES = {
    "dagster": {"orchestration"},
    "sqlalchemy": {"postgres", "orchestration"},
    "psycopg": {"postgres", "ops", "tables"},
    "psycopg2": set[str](),
    "alembic": {"postgres"},
    "pgpq": {"postgres"},
    "great_expectations": {"checks"},
    # Rows are compared by something else than what wrote them, and numbers are computed again by something else.
    "duckdb": {"landing", "lake", "engines", "pipeline"},
    "boto3": {"lake"},
    "botocore": {"lake"},
    "pyspark": {"engines"},
    "py4j": {"engines"},
    "jinja2": {"api", "reporting"},
    "fastapi": {"api"},
    "uvicorn": {"api"},
    "jwt": {"api"},
    "limits": {"api"},
    "markupsafe": {"reporting"},
    "click": {"cli"},
    "rich": {"cli"},
    "prometheus_client": {"landing", "monitoring"},
    # They read what may be hostile, in processes of their own.
    "grpc_tools": {"schemas"},
    "avro": {"schemas"},
    "fastavro": {"schemas"},
    # In signals the schema is ours: that of rules of alerts.
    "jsonschema": {"schemas", "signals"},
}
"""Library -> the rooms of ours that may import it. Any other library is free."""

LAZY = {"great_expectations", "pyspark", "py4j"}
"""Take seconds to import or are extras, so only inside the functions that need them."""

MAY_IMPORT = {
    "text": set[str](),
    "disk": set[str](),
    "config": {"text"},
    "catalog": {"config", "text"},
    "landing": {"catalog", "disk"},
    "lake": {"catalog", "config", "disk"},
    "archive": {"lake"},
    "postgres": {"catalog", "config", "disk"},
    # The books hold what landing reports, and name these values.
    "ops": {"archive", "catalog", "config", "lake", "landing", "postgres", "text"},
    "engines": {"catalog", "disk", "lake", "landing"},
    "tables": {"disk", "archive", "catalog", "config", "engines", "lake", "landing", "ops", "postgres"},
    "schemas": set[str](),
    "signals": set[str](),
    "reporting": {"catalog", "config"},
    "families": {"catalog", "disk", "engines", "ops", "postgres", "schemas", "signals", "tables"},
    "checks": {"catalog", "config", "engines", "ops", "postgres", "tables"},
    "pipeline": {
        *(
            "archive",
            "catalog",
            "checks",
            "config",
            "disk",
            "engines",
            "families",
            "lake",
            "landing",
            "ops",
            "postgres",
            "reporting",
            "schemas",
            "signals",
            "tables",
            "text",
        ),
    },
    "alerting": {"config", "signals", "text"},
    "monitoring": {
        *("archive", "catalog", "checks", "config", "lake", "landing", "ops", "pipeline", "postgres", "tables"),
        "text",
    },
    "orchestration": {
        *("alerting", "catalog", "checks", "config", "disk", "landing", "monitoring", "ops", "pipeline", "postgres"),
        *("reporting", "tables", "text"),
    },
    "api": {
        *("catalog", "config", "disk", "families", "landing", "monitoring", "ops", "pipeline", "postgres", "reporting"),
        "text",
    },
    "cli": {
        *("alerting", "api", "catalog", "config", "families", "lake", "monitoring", "ops", "orchestration", "pipeline"),
        *("postgres", "schemas", "tables", "text"),
    },
}
"""Room -> the rooms it may import, from the ground up: each names only rooms above it in this list."""

READS_ENVIRONMENT = {"config.environment"}
WRITES_ENVIRONMENT = {"orchestration.instance", "postgres.sessions"}
PASSES_ENVIRONMENT_ON = {"orchestration.instance", "postgres.sessions", "postgres.server.server"}

each_source = pytest.mark.parametrize("path", SOURCES, ids=module_of)


def test_every_module_is_in_a_room() -> None:
    rooms = {part_of(module_of(path)) for path in SOURCES} - {ROOT}
    assert rooms == set(MAY_IMPORT), "a new module belongs into one of the rooms above, a new room into the list"
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_rooms_stand_on_those_before_them() -> None:
    order = list(MAY_IMPORT)
    for number, room in enumerate(order):
        assert MAY_IMPORT[room] <= set(order[:number]), room


def test_the_rules_find_what_they_are_about() -> None:
    """Each library is found where it is at home, or the rules would hold for nothing."""
    used: dict[str, set[str]] = {library: set() for library in LIBRARIES}
    for path in SOURCES:
        for name in imports(tree_of(path)):
            if part_of(name) in used:
                used[part_of(name)].add(part_of(module_of(path)))
    assert used == LIBRARIES


@each_source
def test_libraries_stay_where_they_belong(path: Path) -> None:
    module = module_of(path)
    for name in imports(tree_of(path)):
        allowed = LIBRARIES.get(part_of(name))
        assert allowed is None or part_of(module) in allowed, f"{module} must not import {name}"


@each_source
def test_slow_libraries_are_imported_lazily(path: Path) -> None:
    at_import = {part_of(name) for name in imports(tree_of(path), lazily_too=False)}
    assert not at_import & LAZY


@each_source
def test_pandas_is_not_on_the_way_of_the_rows(path: Path) -> None:
    uses_pandas = "pandas" in {part_of(name) for name in imports(tree_of(path))}
    assert not uses_pandas or part_of(module_of(path)) == "reporting"


@each_source
def test_imports_point_downwards(path: Path) -> None:
    room = part_of(module_of(path))
    imported = {part_of(name) for name in imported_modules(tree_of(path))} - {room}
    assert imported <= MAY_IMPORT.get(room, set())


@each_source
def test_assets_meet_in_the_database_only(path: Path) -> None:
    assets = "orchestration.assets"
    if module_of(path).startswith(f"{assets}."):
        others = {name for name in imported_modules(tree_of(path)) if name.startswith(assets)}
        assert others <= {f"{assets}.metadata"}


# -- the books --------------------------------------------------------------------------------------------------------

OF_A_BOOK = re.compile(r"\b(from|join|into|update|copy|table)\s+\(?ops\.(?!schema_version)\w+", re.IGNORECASE)
"""A statement about one of the books. Alembic's table of the revision is none: migrations are there before `ops` is."""


def statements_on_books(tree: ast.Module) -> Iterator[int]:
    """Lines of the texts that ask or change the books; not of commands that a person is told to type."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if OF_A_BOOK.search(text) and not text.startswith("psql "):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="Identifier"), args=[ast.Constant(value="ops"), *_]):
                yield node.lineno


@each_source
def test_the_books_are_asked_in_ops_only(path: Path) -> None:
    """Elsewhere a function of `ops` is called, so that it shows who reads what, and a book can be changed."""
    lines = list(statements_on_books(tree_of(path)))
    assert not lines or part_of(module_of(path)) == "ops", f"{path}: lines {lines}"


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("'select day from ops.days'", True),
        ("f'delete\\n from ops.days where {a}'", True),
        ("'select 1' ' join ops.days using (day)'", True),
        ("'update ops.days set day = 1'", True),
        ("sql.Identifier('ops', book)", True),
        ('\'psql "$(analytics-etl db-url)" -c "select path from ops.loaded_files"\'', False),
        ("'ops.days'", False),
        ("sql.Identifier('registry', table)", False),
    ],
)
def test_statements_on_the_books_are_told_apart(text: str, *, is_found: bool) -> None:
    assert bool(list(statements_on_books(ast.parse(text)))) == is_found


# -- the environment --------------------------------------------------------------------------------------------------


def uses_of_environment(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(what, line) of each use of the environment: `write`, `pass` (whole, to a child process) or `read`."""
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="getenv" | "getenvb" | "environb"):
                yield "read", node.lineno
            case ast.Attribute(value=ast.Name(id="os"), attr="putenv" | "unsetenv"):
                yield "write", node.lineno
            case ast.Attribute(value=ast.Name(id="os"), attr="environ"):
                yield use_of(node, parents), node.lineno
            case ast.ImportFrom(module="os"):
                names = {alias.name for alias in node.names}
                assert not names & {"environ", "getenv"}, "write os.environ, so that the rules see it"


def use_of(environ: ast.Attribute, parents: dict[ast.AST, ast.AST]) -> str:
    parent = parents[environ]
    match parent:
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            return "write"
        case ast.Attribute(attr="update" | "setdefault" | "clear"):
            return "write"
        case ast.Dict(keys=keys, values=values) if any(
            key is None and value is environ for key, value in zip(keys, values, strict=True)
        ):
            return "pass"
        case ast.Attribute(attr="items" | "copy"):
            return "pass"
        case ast.keyword(arg="env") | ast.BinOp(op=ast.BitOr()):
            return "pass"
    return "read"


@each_source
def test_the_environment_is_read_in_one_module_only(path: Path) -> None:
    module = module_of(path)
    allowed = {"read": READS_ENVIRONMENT, "write": WRITES_ENVIRONMENT, "pass": PASSES_ENVIRONMENT_ON}
    for what, line in uses_of_environment(tree_of(path)):
        assert module in allowed[what], f"{path.name}:{line} must not {what} the environment"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("os.environ['A']", "read"),
        ("os.environ.get('A')", "read"),
        ("os.getenv('A')", "read"),
        ("x(os.environ)", "read"),
        ("os.environ['A'] = 'b'", "write"),
        ("os.environ.update(a)", "write"),
        ("x(env={**os.environ, 'A': 'b'})", "pass"),
        ("x(env=os.environ | a)", "pass"),
        ("{k: v for k, v in os.environ.items()}", "pass"),
    ],
)
def test_uses_of_the_environment_are_told_apart(text: str, what: str) -> None:
    assert [found for found, _ in uses_of_environment(ast.parse(text))] == [what]


# -- sizes ------------------------------------------------------------------------------------------------------------

MOST_LINES = 300
MOST_METHODS = 15
"""Public ones. What is larger knows more than one thing."""


@each_source
def test_modules_and_classes_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            methods = [m.name for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]
            assert len([name for name in methods if not name.startswith("_")]) <= MOST_METHODS, node.name

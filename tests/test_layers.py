"""Imports point one way; this walks all of them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "bot.errors": set(),
    "bot.settings": {"bot.errors"},
    "bot.logs": set(),
    "bot.passwords": {"bot.errors"},
    "bot.conversation": {"bot.errors"},
    "bot.learning": {"bot.errors", "bot.conversation"},
    "bot.crm": {"bot.errors", "bot.conversation", "bot.learning"},
    "bot.dialogue": {"bot.errors", "bot.conversation", "bot.learning", "bot.crm"},
    "bot.training": {"bot.errors", "bot.conversation", "bot.learning", "bot.crm"},
    "bot.outbox": {"bot.errors", "bot.crm"},
    "bot.suggestions": {"bot.errors", "bot.learning", "bot.crm"},
    "bot.keeper": {"bot.errors", "bot.crm"},
    "bot.service": {
        "bot.keeper",
        "bot.outbox",
        "bot.suggestions",
        "bot.errors",
        "bot.settings",
        "bot.conversation",
        "bot.learning",
        "bot.crm",
        "bot.dialogue",
        "bot.training",
    },
    "bot.web": {"bot.errors", "bot.settings", "bot.passwords", "bot.conversation", "bot.learning", "bot.crm", "bot.service"},
    "bot.terminal": {"bot.errors", "bot.settings", "bot.conversation", "bot.learning", "bot.crm", "bot.dialogue", "bot.service"},
    "bot.understanding": {"bot.errors", "bot.settings", "bot.conversation", "bot.learning", "bot.dialogue", "bot.training", "bot.service"},
    "bot.__main__": {"bot"},
    "actions": {"bot.errors", "bot.conversation", "bot.crm", "bot.dialogue", "bot.service", "bot.learning"},
}
FRAMEWORKS = {"rasa", "rasa_sdk", "aiohttp", "sqlalchemy", "sklearn", "numpy", "structlog", "redis"}
FORBIDDEN = {
    "bot.conversation": FRAMEWORKS,
    "bot.learning": FRAMEWORKS - {"sklearn", "numpy"},
    "bot.crm": {"rasa", "rasa_sdk", "aiohttp", "sklearn"},
    "bot.web": {"rasa", "rasa_sdk", "sklearn"},
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("bot", "actions"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def layer_of(module: str) -> str:
    return max((name for name in MAY_IMPORT if module == name or module.startswith(f"{name}.")), key=len, default="")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module in {"bot", "actions"} else {node.module}
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_point_one_way(module: str, path: Path) -> None:
    if module == "bot":
        return
    layer = layer_of(module)
    assert layer, f"{module} belongs to no layer; name it in MAY_IMPORT"
    for imported in imports(path):
        top = imported.partition(".")[0]
        assert top not in FORBIDDEN.get(layer, set()), f"{module} imports {imported}"
        if top in {"bot", "actions"}:
            target = layer_of(imported)
            allowed = MAY_IMPORT[layer] | {layer}
            assert "bot" in allowed or target in allowed, f"{module} imports {imported}"

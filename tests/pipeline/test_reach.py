"""What code a result follows from: on a package small enough to be read at a glance."""

from __future__ import annotations

from pathlib import Path

import pytest

from fvlib.pipeline.freshness import BUNDLE
from fvlib.pipeline.reach import Code, hash_modules, hash_rooms

FILES = {
    "house/__init__.py": "",
    "house/cellar/__init__.py": "from house.cellar.coal import burn\n",
    "house/cellar/coal.py": '''
"""Coal."""
from functools import partial
HEAT = 3
TABLE = {"a": HEAT}
def burn(lumps: int) -> int:
    """Burn."""
    return lumps * TABLE["a"]
def unused() -> int:
    return HEAT + 1
''',
    "house/cellar/stairs.py": """
STEPS = 12
def climb() -> int:
    return STEPS
def fall() -> int:
    return -STEPS
class Rail:
    def hold(self) -> int:
        return grip()
def grip() -> int:
    return 1
""",
    "house/hall.py": """
from house.cellar import burn, stairs
from house.cellar.stairs import Rail
def warm() -> int:
    return burn(2) + stairs.climb()
def held() -> int:
    return Rail().hold()
def late() -> int:
    from house.attic import look
    return look()
""",
    "house/attic.py": "def look() -> int:\n    return 5\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "house"


def hashes(house: Path, *roots: str) -> dict[str, str]:
    return hash_modules(Code(house).reach(roots or ["house.hall.warm"]))


@pytest.mark.parametrize(
    ("module", "old", "new", "moved"),
    [
        # What the function does, however far down, moves it; each through another kind of name.
        ("hall.py", "burn(2)", "burn(3)", ["hall"]),
        ("cellar/coal.py", "lumps * T", "lumps + T", ["cellar.coal"]),
        ("cellar/coal.py", "HEAT = 3", "HEAT = 4", ["cellar.coal"]),
        ("cellar/coal.py", '{"a": HEAT}', '{"a": 3}', ["cellar.coal"]),
        ("cellar/stairs.py", "STEPS = 12", "STEPS = 13", ["cellar.stairs"]),
        ("cellar/coal.py", "HEAT = 3", "HEAT = 3\nprint(HEAT)", ["cellar.coal"]),
        ("cellar/stairs.py", "return STEPS", "return STEPS + len(glob)", ["cellar.stairs"]),
        # What it doesn't name, and what says nothing, moves nothing.
        ("cellar/coal.py", "HEAT + 1", "HEAT + 2", []),
        ("cellar/stairs.py", "-STEPS", "STEPS", []),
        ("cellar/stairs.py", "return 1", "return 2", []),
        ("attic.py", "5", "6", []),
        ("cellar/coal.py", '"""Coal."""', "# Coke", []),
        ("cellar/coal.py", '"""Burn."""', '"""Burn it."""', []),
        ("cellar/coal.py", "return lumps * ", "return (  # all of them\n        lumps) * ", []),
        ("hall.py", "import burn, stairs", "import (\n    stairs,\n    burn,\n)", []),
    ],
)
def test_what_is_reached_moves_the_hash_and_nothing_else(
    house: Path, module: str, old: str, new: str, moved: list[str]
) -> None:
    before = hashes(house)
    path = house / module
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    after = hashes(house)
    assert [name for name in before if after.get(name) != before[name]] == moved


def test_a_class_stands_with_its_methods_and_what_they_call(house: Path) -> None:
    reached = Code(house).reach(["house.hall.held"])
    assert {one.name for one in reached} == {"held", "Rail", "grip"}
    assert Code(house).reach(["house.cellar.stairs.Rail.hold"]) == {
        one for one in reached if one.name != "held"
    }


def test_an_import_within_a_function_is_followed(house: Path) -> None:
    assert "attic" in hashes(house, "house.hall.late")


def test_a_name_that_cannot_be_followed_reaches_its_whole_module(house: Path) -> None:
    whole = {"HEAT", "TABLE", "burn", "unused"}
    assert {one.name for one in Code(house).reach(["house.cellar.coal.<lambda>"])} == whole
    (house / "hall.py").write_text(
        "import house.cellar.coal\ndef f(): return house\n", encoding="utf-8"
    )
    assert {one.name for one in Code(house).reach(["house.hall.f"])} == {"f", *whole}


def test_what_is_of_another_package_is_left_to_its_name(house: Path) -> None:
    assert not Code(house).reach(["numpy.mean", "functools.partial"])


def test_a_bundle_follows_from_the_rooms_below_the_report_that_it_passes_through() -> None:
    rooms = set(hash_rooms(Code().reach(BUNDLE)))
    assert {"analysis", "contract", "gate", "intake", "ipe", "models", "tables", "trial"} <= rooms
    assert not {"report", "render", "check", "statutory", "cli"} & rooms

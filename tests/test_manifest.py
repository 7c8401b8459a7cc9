"""The manifest knows every way in which a file can be other than it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.manifest import FILE_NAME, FileEntry, Manifest

CONTENT = bytes(range(256)) * 5000  # longer than one reading


def folder(path: Path) -> Path:
    (path / "policy").mkdir(parents=True)
    (path / "policy" / "model.safetensors").write_bytes(CONTENT)
    (path / "state.json").write_bytes(b"{}")
    (path / "空").write_bytes(b"")
    return path


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_of_names_every_file_but_itself(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / FILE_NAME).write_text("old")
    found = Manifest.of(tmp_path)
    assert sorted(found.files) == ["policy/model.safetensors", "state.json", "空"]
    assert found.files["policy/model.safetensors"] == FileEntry(
        len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
    )
    assert found.problem(tmp_path) is None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.unlink(), "is missing"),
        (lambda p: p.write_bytes(b""), "has 0 bytes instead of 1280000"),
        (lambda p: p.write_bytes(CONTENT[:-1]), "has 1279999 bytes"),
        (lambda p: p.write_bytes(CONTENT + b"x"), "has 1280001 bytes"),
        (lambda p: p.write_bytes(CONTENT[:640_000] + bytes(640_000)), "SHA-256 differs"),
        (lambda p: flip(p, 0), "SHA-256 differs"),
        (lambda p: flip(p, len(CONTENT) * 8 - 1), "SHA-256 differs"),
        (lambda p: (p.unlink(), p.mkdir()), "is missing"),
    ],
    ids=["missing", "zero", "truncated", "longer", "torn", "first bit", "last bit", "a folder"],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    manifest = Manifest.of(folder(tmp_path))
    damage(tmp_path / "policy" / "model.safetensors")
    problem = manifest.problem(tmp_path)
    assert problem is not None
    assert problem.startswith("policy/model.safetensors ") and words in problem


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.builds(FileEntry, st.integers(0, 2**50), st.text("0123456789abcdef", min_size=64)),
    )
)
def test_json_round_trip(files: dict[str, FileEntry]) -> None:
    assert Manifest.from_json(Manifest(files).to_json()) == Manifest(files)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"files": []}', '{"files": {"a": 1}}',
     '{"files": {"a": {"size": 1}}}', '{"files": {"a": {"size": "x", "sha256": ""}}}'],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Manifest.from_json(text)

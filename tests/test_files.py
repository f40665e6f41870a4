"""Whole files or none, and hashes."""

import json
import math
import os
from pathlib import Path

import pytest

from ecg_ccta.files import read_json, replacing, sha256, sha256_json, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "table.parquet"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.suffix == ".parquet", "writers choose their format by the suffix"
        assert temporary.parent.parent == path.parent, "same file system, so that renaming is atomic"
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert names(path.parent) == ["table.parquet"]


def test_after_an_error_the_old_file_stands(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def write_folder(path: Path, content: str, fails: bool = False) -> None:
    with replacing(path) as temporary:
        temporary.mkdir()
        (temporary / content).write_text(content)
        if fails:
            raise RuntimeError("disk full")


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "fold0"
    write_folder(path, "old")
    with pytest.raises(RuntimeError, match="disk full"):
        write_folder(path, "new", fails=True)
    assert names(path) == ["old"]
    write_folder(path, "new")
    assert names(path) == ["new"], "nothing of the old folder is mixed in"
    assert names(tmp_path) == ["fold0"]


@pytest.mark.parametrize("folder", [True, False])
def test_a_block_that_writes_nothing_costs_nothing(tmp_path, folder):
    path = tmp_path / "result"
    if folder:
        write_folder(path, "old")
    else:
        path.write_text("old")
    before = sha256(path)
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert sha256(path) == before
    assert names(tmp_path) == ["result"]


def test_an_error_in_the_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    path = tmp_path / "fold0"
    write_folder(path, "old")
    replace = Path.replace

    def broken(self: Path, target: Path) -> Path:
        if target == path and (self / "new").exists():
            raise OSError("no space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        write_folder(path, "new")
    assert names(path) == ["old"]


def test_a_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("x")
    write_text(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_keeps_order_and_letters(tmp_path):
    path = tmp_path / "a.json"
    value = {"z": 1.5, "a": [None, True, "Universitätsklinik"], "m": {}}
    write_json(path, value)
    assert list(read_json(path)) == ["z", "a", "m"]
    assert read_json(path) == value
    assert "Universitätsklinik" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_is_no_number(tmp_path, number):
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"auc": [number]})
    assert path.read_text() == "{}"
    assert names(tmp_path) == ["a.json"]


def test_hash_of_a_file_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, example B.1
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "fold0"
    (path / "inner").mkdir(parents=True)
    (path / "a.bin").write_bytes(bytes(range(200)))
    (path / "inner" / "b.bin").write_bytes(b"b")
    return path


def test_hash_of_a_folder_follows_its_content_alone(folder):
    before = sha256(folder)
    os.utime(folder / "a.bin", (1, 1))
    assert sha256(folder) == before
    assert sha256(folder.rename(folder.with_name("other"))) == before


def change_byte(folder: Path) -> None:
    (folder / "a.bin").write_bytes(bytes([1, *range(1, 200)]))


def rename_file(folder: Path) -> None:
    (folder / "a.bin").rename(folder / "c.bin")


def move_file(folder: Path) -> None:
    (folder / "inner" / "b.bin").rename(folder / "b.bin")


def swap_files(folder: Path) -> None:
    (folder / "a.bin").rename(folder / "x")
    (folder / "inner" / "b.bin").rename(folder / "a.bin")
    (folder / "x").rename(folder / "inner" / "b.bin")


def add_file(folder: Path) -> None:
    (folder / "empty").write_bytes(b"")


def remove_file(folder: Path) -> None:
    (folder / "inner" / "b.bin").unlink()


@pytest.mark.parametrize("change", [change_byte, rename_file, move_file, swap_files, add_file, remove_file])
def test_hash_of_a_folder_changes_with(folder, change):
    before = sha256(folder)
    change(folder)
    assert sha256(folder) != before


def test_hash_of_a_folder_leaves_out_notes_of_tools(folder):
    before = sha256(folder)
    (folder / ".snakemake_timestamp").touch()
    assert sha256(folder) == before
    assert sha256(folder.rename(folder.with_name(".hidden"))) == before, "what counts is inside"


def test_fingerprint_of_a_configuration():
    first = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert sha256_json(first) == sha256_json(json.loads('{"b": {"d": null, "c": [1, 2]}, "a": 1}'))
    assert sha256_json(first) != sha256_json({**first, "a": 2})
    assert sha256_json([1, 2]) != sha256_json([2, 1])

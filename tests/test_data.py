"""The data that tests read are in every clone and are the ones their sources published."""

from ecg_ccta.files import sha256


def test_tracked_data_have_their_published_hashes(root):
    folder = root / "tests" / "data"
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines())
    notes = {"README.md", "SHA256SUMS"}
    present = {file.relative_to(folder).as_posix(): sha256(file) for file in folder.rglob("*") if file.is_file()}
    assert {name: value for name, value in present.items() if name not in notes} == listed


def test_every_database_has_a_licence_note(root):
    folder = root / "tests" / "data"
    note = (folder / "README.md").read_text("utf-8")
    for database in (folder / "real-ecg").iterdir():
        section = note.split(f"## real-ecg/{database.name}:")[1].split("\n## ")[0]
        assert "Source: <https://" in section
        assert "Licence: [" in section

"""The index is deterministic, and says what is wrong with a folder."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceanim.data.manifest import INDEX_NAME, read_manifest, rows_hash, write_manifest
from tests.helpers.manifest import clip_row as row


def test_rows_come_back_sorted_and_the_same_rows_give_the_same_bytes(tmp_path):
    rows = [row("b", fps=30000 / 1001, face_found_rate=0.975), row("ä"), row("a", "no face found")]
    write_manifest(tmp_path / INDEX_NAME, rows)
    assert read_manifest(tmp_path) == sorted(rows, key=lambda r: r.clip_id)
    before = (tmp_path / INDEX_NAME).read_bytes()
    write_manifest(tmp_path / INDEX_NAME, rows[::-1])
    assert (tmp_path / INDEX_NAME).read_bytes() == before


def test_an_index_without_clips_is_readable(tmp_path):
    write_manifest(tmp_path / INDEX_NAME, [])
    assert read_manifest(tmp_path) == []


def test_a_clip_id_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="each clip_id once, got 'a'"):
        write_manifest(tmp_path / INDEX_NAME, [row("a"), row("a")])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_or_index_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*absent: run `python -m scripts.prepare_celebvhq_hdtf"):
        read_manifest(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"no index.parquet in .*: run `python -m scripts"):
        read_manifest(tmp_path)


def test_files_that_are_no_index_are_refused(tmp_path):
    path = tmp_path / INDEX_NAME
    path.write_text("no parquet")
    with pytest.raises(ValueError, match="expected a Parquet file"):
        read_manifest(tmp_path)
    pq.write_table(pa.table({"clip_id": ["a"]}), path)
    with pytest.raises(ValueError, match=r"missing columns source, split, path.*got clip_id"):
        read_manifest(tmp_path)
    write_manifest(path, [row("a")])
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index("n_frames"), "n_frames", [["many"]]), path)
    with pytest.raises(ValueError, match="a column has the wrong type"):
        read_manifest(tmp_path)


def test_a_column_more_is_ignored(tmp_path):
    write_manifest(tmp_path / INDEX_NAME, [row("a")])
    table = pq.read_table(tmp_path / INDEX_NAME).append_column("colourfulness", [[1.5]])
    pq.write_table(table, tmp_path / INDEX_NAME)
    assert read_manifest(tmp_path) == [row("a")]


def test_verifying_finds_a_missing_file_of_a_kept_clip_only(tmp_path):
    dropped = row("d", "no face found", path="", landmarks_path="")
    write_manifest(tmp_path / INDEX_NAME, [row("a"), dropped])
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    assert len(read_manifest(tmp_path)) == 2
    with pytest.raises(ValueError, match=r"clip a names a missing file: .*landmarks/a.npz"):
        read_manifest(tmp_path, verify=True)
    (tmp_path / "landmarks").mkdir()
    (tmp_path / "landmarks" / "a.npz").touch()
    assert len(read_manifest(tmp_path, verify=True)) == 2


def test_the_hash_of_rows_is_that_of_what_is_trained_on():
    rows = [row("a"), row("b")]
    assert rows_hash(rows) == rows_hash([replace(r, source_path="/elsewhere.mov") for r in reversed(rows)])
    assert rows_hash(rows) != rows_hash(rows[:1])
    assert rows_hash(rows) != rows_hash([rows[0], replace(rows[1], content_hash="cd" * 32)])

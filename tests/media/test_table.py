"""Tables from every spreadsheet."""

import pytest

from faceanim.media.table import read_table

TEXT = 'file,identity\r\nGröße – 1.mp4,Zoë\r\n"a,b.mp4","Ann ""A"""\r\n'
ROWS = [(2, {"file": "Größe – 1.mp4", "identity": "Zoë"}), (3, {"file": "a,b.mp4", "identity": 'Ann "A"'})]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_every_encoding_of_a_spreadsheet_is_read(encoding, tmp_path):
    (tmp_path / "t.csv").write_bytes(TEXT.encode(encoding))
    table = read_table(tmp_path / "t.csv", "jobs")
    assert table.columns == ("file", "identity") and table.rows == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "file;identity\na.mp4;Ann, Bob\n",
        "file\tidentity\na.mp4\tAnn, Bob\n",
        "sep=;\r\nfile;identity\r\na.mp4;Ann, Bob\r\n",
        'File , IDENTITY,,\n\n,,,\na.mp4,"Ann, Bob",,\n,,,\n',
        "\n\nfile;identity;;\na.mp4;Ann, Bob;;\n",
        'file,identity\ra.mp4,"Ann, Bob"\r',
    ],
)
def test_separators_empty_columns_and_empty_rows_are_no_matter(text, tmp_path):
    (tmp_path / "t.csv").write_bytes(text.encode())
    table = read_table(tmp_path / "t.csv", "jobs")
    assert table.columns == ("file", "identity")
    assert [values for _, values in table.rows] == [{"file": "a.mp4", "identity": "Ann, Bob"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a first line of different column names, got ''"),
        (b"a,b,a\n", "expected a first line of different column names, got 'a, b, a'"),
        (b"a,,b\n", "expected a first line of different column names"),
        (b"a,b\n1\n", "line 2: expected 2 values, got 1"),
        (b"sep=;\na;b\n1;2\n1;2;3\n", "line 4: expected 2 values, got 3"),
        (b"PK\x03\x04rest", "got a workbook: save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "got a workbook: save it as CSV"),
        (b"a,b\n\x81\xff\n", "got no text in UTF-8, UTF-16 or Windows-1252"),
        (b"a,b\n\x00\x01\x02,3\n", "got no text"),
        (b"\xff\xfea\x00\xd8\xd8", "got no text"),
        (b"a\n" + b"x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_option_the_file_and_the_line(content, message, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_table(path, "jobs")
    text = str(caught.value)
    assert text.startswith(f"jobs={path}") and message in text and "\n" not in text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"jobs=.*nowhere\.csv: cannot be read \(No such file"):
        read_table(tmp_path / "nowhere.csv", "jobs")

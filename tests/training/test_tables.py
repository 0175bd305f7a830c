"""A shop's own CSV files, good and bad, and what is said of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import DataError
from bot.training.tables import Table, complaints, counted, for_testing, for_training, read_table

HEADER = "text,label\n"
GOOD = HEADER + "退款,a\n快递,b\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str | bytes], Table]:
    def read_content(content: str | bytes) -> Table:
        path = tmp_path / "rows.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, "text", "label")

    return read_content


def pairs(table: Table) -> list[tuple[str, str]]:
    return [(row.text, row.label) for row in table.rows]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("gb18030"),
        ("\ufeff" + GOOD).encode("gb18030"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        'label,note,text\na,"1,2",退款\nb,, 快递 \n',
        '"text","label"\n"退款","a"\n\n"快递","b"\n\n',
        "text,label\n退款,a,,\n快递,b\n",
    ],
)
def test_all_kinds_of_csv_are_read_alike(read: Callable[[str | bytes], Table], content: str | bytes) -> None:
    table = read(content)
    assert pairs(table) == [("退款", "a"), ("快递", "b")]
    assert table.problems == ()


def test_rare_letters_are_read_in_gb18030(read: Callable[[str | bytes], Table]) -> None:
    assert pairs(read((HEADER + "𠮷野家😀ก,a\n").encode("gb18030"))) == [("𠮷野家😀ก", "a")]


def test_commas_stay_in_a_text_where_semicolons_divide(read: Callable[[str | bytes], Table]) -> None:
    assert pairs(read("text;label\n好,真好;a\n")) == [("好,真好", "a")]


def test_texts_may_have_lines_and_quotation_marks(read: Callable[[str | bytes], Table]) -> None:
    table = read(HEADER + '"第一行\n第二行",a\n"他说""好""",b\n屏幕5"大,a\n')
    assert [(row.line, row.text) for row in table.rows] == [(2, "第一行\n第二行"), (4, '他说"好"'), (5, '屏幕5"大')]


@pytest.mark.parametrize(
    ("rows", "kind", "line"),
    [
        (",a\n", "no text", 2),
        ("  ,a\n", "no text", 2),
        ("好,b\n\n坏, \n", "no label", 4),
        ("好\n", "no label", 2),
        ("一\0二,a\n", "NUL character", 2),
        ("不好,太差了,a\n", "more cells than columns", 2),
        ('"两\n行",a\n"好"了,a\n', "broken quoting", 4),
        ('好,a\n"没有关上,a\n', "broken quoting", 3),
        (f"{'长' * 20_001},a\n", "too long", 2),
    ],
)
def test_what_cannot_be_used_is_left_out_and_named_by_line(read: Callable[[str | bytes], Table], rows: str, kind: str, line: int) -> None:
    table = read(HEADER + rows + "留下,x\n")
    assert ("留下", "x") in pairs(table)
    (problem,) = table.problems
    assert (problem.kind, problem.line) == (kind, line)
    (said,) = complaints(table)
    assert f"rows.csv, line {line}: {kind}" in said
    assert len(said) < 250


def test_a_mark_too_many_takes_no_other_row_with_it(read: Callable[[str | bytes], Table]) -> None:
    rows = [f"第{number}句,{'ab'[number % 2]}" for number in range(500)]
    rows[3] = '"' + rows[3]
    table = read(HEADER + "\n".join(rows))
    assert len(table.rows) == 499
    assert [(problem.kind, problem.line) for problem in table.problems] == [("broken quoting", 5)]


def test_bytes_that_are_no_characters_cost_their_line_only(read: Callable[[str | bytes], Table]) -> None:
    rows = [f"第{number}句,a\n".encode() for number in range(30)]
    rows[7] = b"\xe5\xa5,a\n"
    table = read(HEADER.encode() + b"".join(rows))
    assert len(table.rows) == 29
    assert [(problem.kind, problem.line) for problem in table.problems] == [("wrong encoding", 9)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        (HEADER, "has no rows"),
        (HEADER + ",a\n,b\n", r"has no rows \(left out: no text 2, first in line 2\)"),
        ("words,label\n好,a\n", "has no column text; it has: words, label"),
        ("a,b\n好,a\n", "has no column text, label; it has: a, b"),
        ("text,text,label\n好,坏,a\n", "has 2 columns that are called text"),
        ('"text,label\n好,a\n', "not a CSV file"),
        (b"PK\x03\x04 and so on", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0 and so on", "Excel workbook"),
        (GOOD.encode("utf-16"), "UTF-16"),
        (bytes(range(128, 256)) * 8 + b"\n" + bytes(range(128, 256)) + b"\n", "not text in UTF-8 or GB18030"),
        pytest.param(HEADER + "好,a\n" + 'x",y,"\n' * 3000, "quotation marks do not match in line 3 and many others", id="no csv"),
    ],
)
def test_what_is_no_table_is_said_in_one_line(read: Callable[[str | bytes], Table], content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        read(content)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read: No such file"):
        read_table(tmp_path / "nowhere.csv", "text", "label")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_table(tmp_path, "text", "label")
    with pytest.raises(DataError, match="cannot both be in the column text"):
        read_table(tmp_path / "nowhere.csv", "text", "text")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
def test_whatever_the_bytes_rows_are_read_or_one_error_is_said(tmp_path: Path, noise: bytes, with_header: bool) -> None:
    path = tmp_path / "noise.csv"
    path.write_bytes(HEADER.encode() * with_header + noise)
    said: list[str] = []
    try:
        table = read_table(path, "text", "label")
    except DataError as error:
        said.append(str(error))
    else:
        assert all(row.text and row.label for row in table.rows)
        said += complaints(table)
    assert all(line.isprintable() for line in said)


def test_what_is_said_cannot_steer_a_terminal(read: Callable[[str | bytes], Table]) -> None:
    table = read(HEADER + "\x1b[2J\u202e\x07清屏,\n好,a\n")
    (said,) = complaints(table)
    assert said.isprintable()
    assert "清屏" in said


def test_a_text_is_learned_once(read: Callable[[str | bytes], Table]) -> None:
    table = for_training(read(HEADER + "好,a\n好,a\n坏,b\n 好 ,a\n"))
    assert pairs(table) == [("好", "a"), ("坏", "b")]
    assert [problem.line for problem in table.problems if problem.kind == "duplicate"] == [3, 5]


def test_of_several_labels_the_most_frequent_is_taken(read: Callable[[str | bytes], Table]) -> None:
    table = for_training(read(HEADER + "好,b\n好,a\n好,a\n坏,b\n坏,a\n行,a\n差,b\n"))
    assert pairs(table) == [("好", "a"), ("行", "a"), ("差", "b")]
    assert [problem.line for problem in table.problems if problem.kind == "conflicting labels"] == [3, 6]
    said = list(complaints(table))
    assert any("line 3" in line and "taken as a" in line for line in said)
    assert any("line 6" in line and "both left out" in line for line in said)


def test_labels_and_texts_are_no_format_strings(read: Callable[[str | bytes], Table]) -> None:
    table = for_training(read(HEADER + "{0},{x}\n{0},%s\n好,{x}\n坏,%s\n"))
    assert any("{0}" in said for said in complaints(table))


def test_of_many_of_a_kind_twenty_are_shown(read: Callable[[str | bytes], Table]) -> None:
    table = for_training(read(HEADER + "好,a\n" * 1501 + ",a\n" + "坏,b\n"))
    said = list(complaints(table))
    assert sum(": duplicate: " in line for line in said) == 20
    assert any("duplicate: and 1,480 more" in line for line in said)
    assert counted(table.problems) == {"no text": 1, "duplicate": 1500, "few examples": 2}


def test_labels_with_few_examples_are_named(read: Callable[[str | bytes], Table]) -> None:
    rows = "".join(f"好{number},a\n" for number in range(10)) + "坏,b\n"
    (said,) = complaints(for_training(read(HEADER + rows)))
    assert "the label b has only 1" in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("好,a\n坏,a\n坏,a\n", r"at least two labels to learn from; there is only a \(left out: duplicate 1, first in line 4\)"),
        ("好,a\n好,b\n", "there is none"),
        ("".join(f"好{number},{number}\n" for number in range(201)), "201 different labels.* is that the column of labels"),
    ],
)
def test_what_teaches_nothing_is_said(read: Callable[[str | bytes], Table], rows: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        for_training(read(HEADER + rows))


def test_all_rows_are_measured_on_and_odd_ones_named(read: Callable[[str | bytes], Table], tmp_path: Path) -> None:
    learned = for_training(read(GOOD))
    (tmp_path / "test.csv").write_text(HEADER + "退款,a\n退货,a\n退货,a\n物流,b\n发票,c\n", encoding="utf-8")
    asked = for_testing(read_table(tmp_path / "test.csv", "text", "label"), learned)
    assert len(asked.rows) == 5
    assert counted(asked.problems) == {"known from training": 1, "duplicate": 1, "few examples": 1}
    (tmp_path / "test.csv").write_text(HEADER + "退款,甲\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"none of the labels of .*: 甲 here, a, b there"):
        for_testing(read_table(tmp_path / "test.csv", "text", "label"), learned)

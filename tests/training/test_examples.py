"""Training text: what is read, and what is said of files that cannot be used."""

from pathlib import Path

import pytest

from bot.errors import DataError
from bot.training.examples import Examples, csv_files, read_folder, read_intents, read_rows, with_queues


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,queue\n退款,after_sales\n", [("退款", "after_sales")]),
        (b"\xef\xbb\xbftext,queue\nhi,general\n", [("hi", "general")]),
        ("queue,note,text\r\ngeneral,x, 你好 \r\n", [("你好", "general")]),
        ('text,queue\n"第一行\n第二行, 带逗号",billing\n', [("第一行\n第二行, 带逗号", "billing")]),
        ('text,queue\n"他说""好""",general\n', [('他说"好"', "general")]),
        ("text,queue\n,general\n  ,\n好,general\n\n", [("好", "general")]),
        ("text,queue\n好,general,多出来的\n", [("好", "general")]),
        pytest.param(f"text,queue\n{'长' * 200_000},general\n", [("长" * 200_000, "general")], id="long field"),
    ],
)
def test_rows_are_read(tmp_path: Path, content: str | bytes, expected: list[tuple[str, str]]) -> None:
    found = read_rows(written(tmp_path, content), "text", "queue")
    assert list(zip(*found, strict=True)) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\n好,general\n", r"rows\.csv has no column queue; it has: text, label"),
        ("a,b\n1,2\n", "no column queue, text; it has: a, b"),
        ("", "it has: nothing"),
        ("text,queue\n", "has no rows"),
        ("text,queue\n,general\n", "has no rows"),
        ("text,queue\n好,general\n不好,\n", r"rows\.csv, line 3: the column queue is empty"),
        ('text,queue\n"两\n行",general\n不好\n', r"rows\.csv, line 4: the column queue is empty"),
        ("text,queue\n退款,after_sales\n".encode("gbk"), r"rows\.csv is not UTF-8"),
        ("text,queue\n好,general\n".encode("utf-16"), r"rows\.csv is not UTF-8"),
        (b"text,queue\nok,general\n\xff\xfe,general\n", r"rows\.csv is not UTF-8"),
        ("text,queue\n好,general\n一\x00二,general\n", r"rows\.csv, line 3: there is a NUL"),
        pytest.param(f"text,queue\n好,general\n{'长' * 1_000_001},general\n", r"rows\.csv, line [23]: field larger", id="giant field"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        read_rows(written(tmp_path, content), "text", "queue")
    assert "\n" not in str(raised.value)


def test_a_header_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv, line [01]: "):
        read_rows(written(tmp_path, f"text,{'长' * 1_000_001}\n好,general\n"), "text", "queue")


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read: No such file"):
        read_rows(tmp_path / "nowhere.csv", "text", "queue")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_rows(tmp_path, "text", "queue")
    with pytest.raises(DataError, match="no CSV files"):
        csv_files(tmp_path)


def test_the_files_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    written(tmp_path, "text,queue\n二,b\n", "b.csv")
    written(tmp_path, "queue,text\na,一\n", "a.csv")
    written(tmp_path, "no table", "notes.txt")
    assert read_folder(tmp_path, "text", "queue") == Examples(["一", "二"], ["a", "b"])
    written(tmp_path, "text\n三\n", "c.csv")
    with pytest.raises(DataError, match=r"c\.csv has no column queue"):
        read_folder(tmp_path, "text", "queue")


NLU = """
version: "3.1"
nlu:
- intent: track_order
  examples: |
    - 我的[空气炸锅](product)到哪了
    - [顺丰]{"entity": "courier", "value": "sf"}的[202611080023](order_number)呢
    - [两个](quantity)[耳机]{"entity": "product"}一起

    -
    没有横线的不算
- intent: greet
  examples: |
    - 你好 [微笑]
- lookup: product
  examples: |
    - 空气炸锅
- synonym: sf
  examples: |
    - 顺丰
"""


def test_examples_come_without_the_marks_of_entities(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    written(tmp_path / "more", NLU, "nlu.yml")
    written(tmp_path, "version: '3.1'\n", "empty.yml")
    written(tmp_path, "", "blank.yml")
    assert read_intents(tmp_path) == Examples(
        ["我的空气炸锅到哪了", "顺丰的202611080023呢", "两个耳机一起", "你好 [微笑]"], ["track_order"] * 3 + ["greet"]
    )


@pytest.mark.parametrize(
    "content",
    [
        "nlu: [",
        "nlu:\n\t- intent: x",
        "a: b: c",
        "nlu: \x07",
        "版本: 坏".encode("gbk"),
        "- just\n- a list\n",
        "just text",
        "nlu: text",
        "nlu:\n- greet\n",
        "nlu: 3",
        "nlu: !!python/object/apply:os.system ['true']",
    ],
)
def test_yaml_that_cannot_be_used_is_named(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(DataError, match=r"nlu\.yml") as raised:
        read_intents(written(tmp_path, content, "nlu.yml").parent)
    assert "\n" not in str(raised.value)


def test_intents_become_examples_of_their_queues() -> None:
    intents = Examples(["到哪了", "转人工", "开票", "不知道"], ["track_order", "request_human", "request_invoice", "unheard_of"])
    assert with_queues(intents) == Examples(["到哪了", "开票"], ["logistics", "billing"])

import hashlib
import json
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail import rows, typed_yaml
from handrail.errors import BadInput
from handrail.mapping import Mapping
from handrail.mapping import read as read_mapping
from handrail.policy import read as read_policy
from tasks.intake.read import check, digest, read

ROOT = Path(__file__).parents[2]

MAPPING = typed_yaml.parse("source: desk\nfields: {external_id: id, text: body}\nunmapped: ignore\n", Mapping)
TABLE = [
    {"id": "1", "body": 'two\nlines, a "quote" and a comma', "worth": "10.5"},
    {"id": "2", "body": "NA", "worth": ""},
    {"id": "3", "body": "Grüße\u2028日本", "worth": "null"},
]


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def everything(path: Path, mapping: Mapping | None = None, **options: object) -> list[dict[str, str]]:
    frames = list(read(path, mapping, **{"batch_rows": 2, **options}))
    assert all(1 <= len(frame) <= 2 for frame in frames)
    return pd.concat(frames).to_dict("records")


def refusal(path: Path, mapping: Mapping | None = None, **options: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, mapping, batch_rows=2, **options)
    assert path.name in str(caught.value) or mapping is not None
    return str(caught.value)


def as_csv(folder: Path) -> Path:
    path = folder / "in.csv"
    pd.DataFrame(TABLE).to_csv(path, index=False)
    return path


def as_tsv(folder: Path) -> Path:
    path = folder / "in.tsv"
    pd.DataFrame(TABLE).to_csv(path, index=False, sep="\t")
    return path


def as_jsonl(folder: Path) -> Path:
    lines = [json.dumps(row, ensure_ascii=False) for row in TABLE]
    return write(folder, "in.jsonl", "\n".join(lines))


def as_parquet(folder: Path) -> Path:
    path = folder / "in.parquet"
    pq.write_table(pa.Table.from_pylist(TABLE), path)
    return path


@pytest.mark.parametrize("make", [as_csv, as_tsv, as_jsonl, as_parquet])
def test_the_same_rows_come_out_of_every_format(make: object, tmp_path: Path) -> None:
    path = make(tmp_path)
    assert everything(path) == TABLE
    assert everything(path, MAPPING) == [{"id": row["id"], "body": row["body"]} for row in TABLE]
    assert check(path) == ["id", "body", "worth"]


@pytest.mark.parametrize("make", [as_csv, as_jsonl, as_parquet])
def test_a_mapped_column_that_is_missing_is_refused_before_any_row(make: object, tmp_path: Path) -> None:
    mapping = typed_yaml.parse("source: desk\nfields: {external_id: id, text: bodi}\n", Mapping)
    assert "no column 'bodi'. Did you mean 'body'?" in refusal(make(tmp_path), mapping)


def test_typed_parquet_columns_become_texts_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table(
        {
            "id": pa.array([9007199254740993, None], pa.int64()),
            "share": pa.array([0.1, 3.0]),
            "worth": pa.array([Decimal("10.50"), None]),
            "day": pa.array([date(2026, 1, 5), None]),
            "at": pa.array([datetime(2026, 1, 5, 8, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
            "agreed": pa.array([True, False]),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "parts": pa.array([[1, 2], None]),
            "none": pa.nulls(2),
        }
    )
    pq.write_table(table, path)
    assert everything(path) == [
        {
            "id": "9007199254740993",
            "share": "0.1",
            "worth": "10.50",
            "day": "2026-01-05",
            "at": "2026-01-05 08:00:00.000000Z",
            "agreed": "true",
            "kind": "a",
            "parts": "[1, 2]",
            "none": "",
        },
        {
            "id": "",
            "share": "3",
            "worth": "",
            "day": "",
            "at": "",
            "agreed": "false",
            "kind": "b",
            "parts": "",
            "none": "",
        },
    ]


def test_json_numbers_keep_every_digit_and_absent_keys_are_empty(tmp_path: Path) -> None:
    lines = '{"id": 12345678901234567890, "worth": 10.50}\n\n{"id": "b", "flag": true, "worth": null}\r\n'
    assert everything(write(tmp_path, "in.ndjson", lines)) == [
        {"id": "12345678901234567890", "worth": "10.50", "flag": ""},
        {"id": "b", "worth": "", "flag": "true"},
    ]


def test_characters_that_no_database_takes_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, "in.jsonl", '{"id": "1", "body": "a\\u0000b\\ud800c"}')
    assert everything(path) == [{"id": "1", "body": "a\ufffdb\ufffdc"}]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_s_mark_and_delimiter_are_understood(mark: bytes, delimiter: str, tmp_path: Path) -> None:
    rows = f'"id"{delimiter}body\r\n1{delimiter}x\r\n\r\n'.encode()
    assert everything(write(tmp_path, "in.csv", mark + rows)) == [{"id": "1", "body": "x"}]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1"])
def test_a_named_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path, "in.csv", "id,body\n1,Grüße\n".encode(encoding))
    assert everything(path, encoding=encoding) == [{"id": "1", "body": "Grüße"}]


def test_a_text_of_five_megabytes_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "in.csv", "id,body\n1," + "x" * 5_000_000 + "\n")
    assert len(everything(path)[0]["body"]) == 5_000_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", b"", "is empty"),
        ("in.csv", b"id,body\n", "no rows"),
        ("in.csv", b"id,body\n\n\n", "no rows"),
        ("in.jsonl", b"\n\n", "no rows"),
        ("in.csv", b"id,,body\n1,2,3\n", "column 2 of the header has no name"),
        ("in.csv", b"id,id\n1,2\n", "names 'id' twice"),
        ("in.csv", b'id,body\n1,"a\nb"\n2,x,y\n', "line 4: 3 cells where the header has 2"),
        ("in.csv", b"id,body\n1,x\n2\n", "line 3: 1 cells where the header has 2"),
        ("in.csv", b'id,body\n1,"never closed\n2,x\n', "Close every quotation mark"),
        ("in.csv", b'id,body\n1,"a"b\n', "line 2"),
        ("in.csv", "id,body\n1,Grüße\n".encode("cp1252"), "byte 12: not utf-8"),
        ("in.csv", "id,body\n1,x\n".encode("utf-16"), "--encoding utf-16"),
        ("in.csv", "id,body\n1,x\n".encode("utf-16-le"), "byte 1: a NUL"),
        ("in.csv", b"id,body\n1,\x00\n", "byte 10: a NUL"),
        ("in.csv", b"PK\x03\x04rest", "Excel workbook or a zip archive named .csv"),
        ("in.csv", b"%PDF-1.7", "a PDF named .csv"),
        ("in.csv", b"\x89PNG\r\n", "an image named .csv"),
        ("in.csv", b"PAR1....", "a Parquet file named .csv"),
        ("in.jsonl", b'{"id": 1}\n[1, 2]\n', "line 2: not a JSON object"),
        ("in.jsonl", b'{"id": 1}\n\n{"id": \n', "line 3: not JSON"),
        ("in.jsonl", b'{"id": 1}\n"text"\n', "line 2: not a JSON object"),
        ("in.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("in.parquet", b"no parquet at all", "is no Parquet file"),
        ("in.xlsx", b"anything", "unknown extension '.xlsx'"),
        ("in", b"anything", "unknown extension ''"),
    ],
)
def test_an_unusable_file_is_refused_with_place_and_remedy(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    sentence = refusal(write(tmp_path, name, content))
    assert words in sentence
    assert sentence.endswith(".")


def test_a_wrong_byte_far_into_the_file_is_named_by_its_place(tmp_path: Path) -> None:
    start = b"id,body\n" + b"1,xx\n" * 500_000
    assert f"byte {len(start) + 2}: not utf-8" in refusal(write(tmp_path, "in.csv", start + b"2,\xff\n"))


def test_a_letter_across_two_pieces_is_no_wrong_byte(tmp_path: Path) -> None:
    start = b"id,body\n1,"
    start += b"x" * ((1 << 20) - len(start) - 1)
    body = everything(write(tmp_path, "in.csv", start + "ü\n".encode()))[0]["body"]
    assert body.endswith("xü")


def test_a_missing_file_a_folder_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.csv")
    assert "is a folder" in refusal(tmp_path)
    assert "no text encoding" in refusal(as_csv(tmp_path), encoding="utf-99")
    assert "no text encoding" in refusal(as_csv(tmp_path), encoding="hex")


def test_a_parquet_file_with_a_damaged_page_is_refused_before_any_row(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": [f"case {at}" for at in range(5_000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 400] = b"\xff" * 400
    assert "corrupt" in refusal(write(tmp_path, "in.parquet", bytes(content)))


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), path)
    assert "no rows" in refusal(path)


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_memory_stays_flat_while_a_file_grows(name: str, tmp_path: Path) -> None:
    peaks = []
    header, row = ("id,body\n", "1,{}\n") if name == "in.csv" else ("", '{{"id": "1", "body": "{}"}}\n')
    for count in (500, 1_500):
        path = write(tmp_path, name, header + row.format("x" * 5_000) * count)
        tracemalloc.start()
        assert sum(len(frame) for frame in read(path, batch_rows=50)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_the_digest_is_the_sha_256_of_the_bytes(tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BadInput, match="does not exist"):
        digest(tmp_path / "none.csv")


@pytest.mark.shared
def test_the_complaints_export_is_read_row_by_row_with_its_history() -> None:
    export = ROOT.parent / "shared" / "data" / "complaints" / "complaints_2019.csv"
    if not export.exists():
        pytest.skip("the shared data folder is not beside the project")
    folder = ROOT / "policy" / "complaints"
    mapping, policy = read_mapping(folder / "mapping.yaml"), read_policy(folder / "policy.yaml")
    parsed, seen, count = [], {}, 0
    for frame in read(export, mapping, batch_rows=1_000):
        parsed.append(
            rows.parse(
                frame,
                mapping,
                policy,
                default_received_at=datetime(2020, 4, 1, tzinfo=UTC),
                first_row=count + 1,
                seen=seen,
            )
        )
        count += len(frame)
    good = pd.concat([part.good for part in parsed])
    assert (count, len(good), sum(len(part.bad) for part in parsed)) == (6_623, 6_623, 0)
    assert (good["history"].sum(), good["label"].notna().sum(), (good["text"] == "").sum()) == (976, 976, 5_091)
    assert good.loc[good["history"], "received_at"].max() < datetime(2019, 4, 10, 4, tzinfo=UTC)

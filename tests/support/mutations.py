"""Ways in which a good refresh goes bad, each drawn from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.support.sent_files import Sender

Mutation = Callable[[np.random.Generator, Sender, str], None]

DATES = ("2021-02-30", "31/02/2021", "1889-01-01", "2099-12-31", "soon", "2021-13-01", "44197",
         "0000-00-00", "20210101", "2021-1-1", "1/1/21", "2021-06-01T12:00:00")  # fmt: skip
STRANGE = ("=HYPERLINK(1)", "+1", "-1", "@x", "=1+1", "0x1F", "1e3", "NaN", "NULL", "None", "true",
           "1.5", "-3", "99999999999999999999", "\u202eabc", "\u200b", "é", "漢字", "\\N", "#N/A",
           "0.0", "1.0", "N99", ";", "NONE;AUT", "MOB;;LD", "2021/23", "12%", "1 000")  # fmt: skip


def _cells(sender: Sender, path: str) -> list[list[str]]:
    return [line.split(",") for line in sender.text(path).rstrip("\n").split("\n")]


def _put(sender: Sender, path: str, cells: list[list[str]]) -> None:
    sender.files[path] = "\n".join(",".join(row) for row in cells) + "\n"


def _body(rng: np.random.Generator, cells: list[list[str]]) -> tuple[int, int]:
    return int(rng.integers(1, len(cells))), int(rng.integers(len(cells[0])))


def _set(value: Callable[[np.random.Generator, str], str]) -> Mutation:
    def mutate(rng: np.random.Generator, sender: Sender, path: str) -> None:
        cells = _cells(sender, path)
        for _ in range(int(rng.integers(1, 4))):
            row, column = _body(rng, cells)
            cells[row][column] = value(rng, cells[row][column])
        _put(sender, path, cells)

    return mutate


def _bytes(change: Callable[[np.random.Generator, bytes], bytes]) -> Mutation:
    def mutate(rng: np.random.Generator, sender: Sender, path: str) -> None:
        sender.files[path] = change(rng, sender.text(path).encode("utf-8"))

    return mutate


def cut(rng: np.random.Generator, data: bytes) -> bytes:
    return data[: int(rng.integers(len(data)))]


def cut_out(rng: np.random.Generator, data: bytes) -> bytes:
    start = int(rng.integers(len(data)))
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def flip(rng: np.random.Generator, data: bytes) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]


def insert(*what: bytes) -> Callable[[np.random.Generator, bytes], bytes]:
    def change(rng: np.random.Generator, data: bytes) -> bytes:
        at = int(rng.integers(len(data) + 1))
        return data[:at] + what[int(rng.integers(len(what)))] + data[at:]

    return change


def encode(rng: np.random.Generator, data: bytes) -> bytes:
    text = data.decode("utf-8")
    cells = text.split("\n")
    at = int(rng.integers(1, len(cells) - 1))
    cells[at] = cells[at].replace(",", "é,", 1)
    name = ("cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp500")
    return "\n".join(cells).encode(name[int(rng.integers(len(name)))])


def separate(rng: np.random.Generator, data: bytes) -> bytes:
    return data.replace(b",", (b";", b"\t", b"|", b" ", b", ")[int(rng.integers(5))])


def swap_names(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    one, two = rng.choice(len(cells[0]), 2, replace=False)
    cells[0][one], cells[0][two] = cells[0][two], cells[0][one]
    _put(sender, path, cells)


def swap_values(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    row, _ = _body(rng, cells)
    one, two = rng.choice(len(cells[0]), 2, replace=False)
    cells[row][one], cells[row][two] = cells[row][two], cells[row][one]
    _put(sender, path, cells)


def repeat_row(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    row, _ = _body(rng, cells)
    cells.insert(int(rng.integers(1, len(cells))), list(cells[row]))
    _put(sender, path, cells)


def repeat_row_changed(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    row, column = _body(rng, cells)
    other = list(cells[row])
    other[column] = cells[int(rng.integers(1, len(cells)))][column]
    cells.append(other)
    _put(sender, path, cells)


def lose_row(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    del cells[int(rng.integers(len(cells)))]
    _put(sender, path, cells)


def shuffle_rows(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    _put(sender, path, [cells[0], *(cells[1 + at] for at in rng.permutation(len(cells) - 1))])


def lose_column(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    at = int(rng.integers(len(cells[0])))
    _put(sender, path, [row[:at] + row[at + 1 :] for row in cells])


def repeat_column(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    at = int(rng.integers(len(cells[0])))
    _put(sender, path, [[*row, row[at]] for row in cells])


def unasked_column(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    name = ("postcode", "wave", "", "child name", "remark")[int(rng.integers(5))]
    values = ("CV1 2AB", "x", "2010-04-05", "Jane Smith", "a.b@example.org")
    kind = values[int(rng.integers(5))]
    _put(sender, path, [[*cells[0], name], *([*row, kind] for row in cells[1:])])


def mix_dates(rng: np.random.Generator, sender: Sender, path: str) -> None:
    cells = _cells(sender, path)
    dated = [
        (row, column)
        for row in range(1, len(cells))
        for column, value in enumerate(cells[row])
        if len(value) == 10 and (value[4] == "-" or value[2] == "/")
    ]
    for row, column in dated[: int(rng.integers(1, 4))]:
        value = cells[row][column]
        slashed = "/".join(reversed(value.split("-"))) if "-" in value else value
        cells[row][column] = slashed if "-" in value else "-".join(reversed(value.split("/")))
    _put(sender, path, cells)


def lose_file(rng: np.random.Generator, sender: Sender, path: str) -> None:
    del sender.files[path]


def other_file(rng: np.random.Generator, sender: Sender, path: str) -> None:
    others = sorted(set(sender.files) - {path})
    sender.files[path] = sender.text(others[int(rng.integers(len(others)))])


def rename_file(rng: np.random.Generator, sender: Sender, path: str) -> None:
    ends = (".CSV", ".txt", ".parquet", ".csv.csv", " .csv")
    sender.files[path.removesuffix(".csv") + ends[int(rng.integers(5))]] = sender.files.pop(path)


def spaced(rng: np.random.Generator, value: str) -> str:
    return (f" {value}", f"{value}\t", value.lower(), value.upper(), f"\u00a0{value} ")[
        int(rng.integers(5))
    ]


def quoted(rng: np.random.Generator, data: bytes) -> bytes:
    rows = data.decode("utf-8").split("\n")
    return "\r\n".join(
        ",".join(f'"{cell}"' for cell in row.split(",")) if row else row for row in rows
    ).encode("utf-8-sig")


def pick(*values: str) -> Callable[[np.random.Generator, str], str]:
    return lambda rng, _: values[int(rng.integers(len(values)))]


MUTATIONS: dict[str, Mutation] = {
    "cut file": _bytes(cut),
    "piece cut out": _bytes(cut_out),
    "byte flipped": _bytes(flip),
    "0 bytes": _bytes(lambda rng, data: b""),
    "NUL": _bytes(insert(b"\0", b"\0" * 50)),
    "quote or line break": _bytes(insert(b'"', b'""', b"\n", b"\r", b"\r\n", b'"\n', b",")),
    "other encoding": _bytes(encode),
    "other separator": _bytes(separate),
    "quoted, CRLF, BOM": _bytes(quoted),
    "huge field": _set(lambda rng, _: "9" * int(rng.choice([300, 40_000, 200_000, 1_500_000]))),
    "wrong date": _set(pick(*DATES)),
    "strange value": _set(pick(*STRANGE)),
    "empty value": _set(pick("", " ")),
    "spaces or case": _set(spaced),
    "mixed date forms": mix_dates,
    "columns swapped": swap_names,
    "values swapped": swap_values,
    "row repeated": repeat_row,
    "row repeated, changed": repeat_row_changed,
    "row lost": lose_row,
    "rows shuffled": shuffle_rows,
    "column lost": lose_column,
    "column repeated": repeat_column,
    "column not asked for": unasked_column,
    "file lost": lose_file,
    "another file's content": other_file,
    "file renamed": rename_file,
}

"""Names, cells and values that a reader may not have thought of."""

from __future__ import annotations

from typing import Any

DEEP = 100_000
NAMES = (
    " ", "   .jpg", "...", "..jpg", ".hidden.jpg", "-rf", "~", "con", "NUL.jpg", "a\nb.jpg", "a\tb", "\x1b[31m.jpg",
    "\x7f", "a\\b.jpg", "..\\..\\x.jpg", "\u202egpj.exe", "\ud800.jpg", "\udcff\udcfe.png", "e\u0301.jpg",
    "\u00e9.jpg", "\u200b", "\ufeff.jpg", "\U0001f431.jpg", "%00.jpg", "a,b.jpg", 'a"b.jpg', "a'b", "a;b|c.jpg",
    "#.jpg", "*?.png", "{0}.jpg", "%s.jpg", "TRAIN", "Train", "train", "val", "test", "images", "labels.csv",
    "metadata.jsonl", "x" * 200, "x" * 251 + ".jpg", "\u732b" * 80, "9" * 240, "\u00b2", "1e999", "nan", "a.JPG",
    "A.jpg", ".jpg", "jpg", "a.jpg.jpg", "a.tar", "a.zip", "a.csv", "a.json", "a.parquet", "classes.txt", "split.csv",
    "plan.json", "run.json", "\x01", "\\x01", "imagelabels.mat", "meta.mat", "train_X.bin", "train-images-idx3-ubyte",
    "a.npz", "a.mat", "a.xlsx", "a.xml", "a#1.jpg", "http:", "s3:", "Thumbs.db", "__MACOSX", ".git", "lost+found",
    "masks", "1", "0", "patient_1", "cat", "unlabeled", "a.bin", "test_batch.bin",
)  # fmt: skip
"""Names that files may have on a disk."""
CELLS = (
    "", " ", "\t", "\0", "\x01", "\x1f", "a\x1fb", "\r", "\n", "\r\n", '"', '""', "'", '"a', ",", ";", "|", ",,,,",
    "nan", "NaN", "inf", "-inf", "1e999", "-1", "0", "1", "1.0", "0.5", "9" * 5000, "1" + "0" * 400 + ".0",
    "9007199254740993.0", "\u00b2", "\u0663", "1_0", "0x10", "True", "null", "None", "[]", "{}", "[1", '{"a":',
    "[" * DEEP, '{"a":' * DEEP, "#", "# x", "..", "../../etc/passwd", "/etc/passwd", "C:\\a\\b.jpg",
    "file:///etc/passwd", "http://x/y.jpg?z=1", "?", "??=", "://", "a://b/?c=d", "~", "~root/x.jpg", "/dev/zero",
    "/dev/stdin", "\\\\host\\x", "caf\u00e9", "caf\udce9", "\ud800", "\ufeff", "\u202e", "\u2028", "\x85", "\x0c",
    "\U0001f431", "a" * 100_000, "a b " * 30_000, "a" + " " * 100_000 + "b", "train", "test", "val", "unassigned",
    "cat|dog", "cat,dog", "path", "label", "image", "class", "split", "pixels", "x" * 300, "=1+1", "<b>", "&amp;",
    "%s%n", "{}", "\\x01", "-", "--", "\\", '{"a": 1}', '[{"a": [1, 2]}]', "[[[[[]]]]]",
)  # fmt: skip
"""What may stand in a cell of a table, or for a value in JSON."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 1.5, 1e308, float("nan"), float("inf"), float("-inf"),
    "", [], {}, [[]], [{}], [None], {"": ""}, {"id": 1}, [1, "a"], {"a": {"b": {"c": []}}}, [[1, 2], [3]], "\ud800",
)  # fmt: skip

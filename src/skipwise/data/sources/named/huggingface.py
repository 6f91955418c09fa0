"""Data sets of the Hugging Face hub by name: `huggingface:owner/name`. Needs the library `datasets`."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from skipwise.core.download.asked_for import check_asked_for
from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.core.files.cache_folder import cache_folder
from skipwise.data.cache.files import is_sound, keep_sums, make_way
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.layouts import parquet
from skipwise.data.sources.source import Source


def open_huggingface(name: str, options: ReadingOptions) -> Source:
    """Opens a data set of the hub, or one on disk that the library can load, with its own splits.

    The splits are stored as Parquet in the cache, so that the set is loaded once and read like any Parquet set.

    Raises:
        SkipwiseError: there is no such data set or no connection, or it has no images with one class each.
    """
    check_asked_for(f"The data set {name}")
    try:
        import datasets
        from datasets.table import embed_table_storage
    except ImportError as error:
        raise missing_extra("formats", "datasets") from error
    endpoint = os.environ.get("HF_ENDPOINT", "")
    if endpoint and not endpoint.lower().startswith("https://"):
        raise SkipwiseError(f"HF_ENDPOINT is {endpoint}, and data sets are downloaded only by https; unset it.")
    datasets.disable_progress_bars()
    for name_of_logger in ("datasets", "huggingface_hub"):  # they log retries, which the error below reports
        logging.getLogger(name_of_logger).setLevel(logging.ERROR)
    owner, _, configuration = name.partition("@")
    try:
        loaded: Any = datasets.load_dataset(owner, *([configuration] if configuration else []))
    except Exception as error:  # it raises errors of its own, of requests and of pyarrow
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        mend = (
            "name one as huggingface:owner/name@configuration"
            if "onfig" in reason
            else "check the name and the connection"
        )
        raise SkipwiseError(f"The data set {owner} cannot be loaded ({reason}); {mend}.") from error
    parts = loaded if isinstance(loaded, dict) else {"": loaded}
    fingerprint = "-".join(str(part._fingerprint) for part in parts.values())
    root = (
        cache_folder() / "huggingface" / f"{Path(owner).name}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:16]}"
    )
    sound = is_sound(root, read=False)
    if not sound:
        shutil.rmtree(root, ignore_errors=True)
        make_way(root / "file")
    files = []
    for split, part in parts.items():
        file = f"{split or 'all'}.parquet"
        images = [column for column, feature in part.features.items() if isinstance(feature, datasets.Image)]
        for column in images:
            part = part.cast_column(column, datasets.Image(decode=False))
        if not sound:
            # Files that rows only refer to are embedded, so that the cache is complete.
            part.with_format("arrow").map(embed_table_storage, batched=True).to_parquet(str(root / f".{file}"))
            (root / f".{file}").replace(root / file)
        files.append(file)
    if not sound:
        keep_sums(root)
    read = parquet.recognise_files(Path(owner).name, root, files, options)
    if read is None:
        raise SkipwiseError(f"The data set {owner} has no column of images.")
    return read().source()

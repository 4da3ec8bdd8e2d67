"""Texts of JSON as Arrow has them. Apart from `json_values`, since whoever asks a question need not import Arrow."""

from collections.abc import Callable

import pyarrow as pa


def map_texts(texts: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """The results of a function for an array of texts, called once for each distinct one; NULL for NULL."""
    coded = texts.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    found = pa.array([function(text) for text in coded.dictionary.to_pylist()], pa.string())
    return found.take(coded.indices)

"""Python lists as Arrow columns, for the store.

Built with nanoarrow: pyarrow's arrays import pandas, which costs a second and 60 MB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Column = Sequence[Any]


class Columns:
    """Rows of a batch, column by column; all of equal length, ``None`` where there is no value.

    Args:
        texts, integers, reals, booleans: columns by name. Integers are 64 bits wide.

    Raises:
        ValueError: the columns differ in length.
    """

    def __init__(
        self,
        texts: Mapping[str, Column] | None = None,
        integers: Mapping[str, Column] | None = None,
        reals: Mapping[str, Column] | None = None,
        booleans: Mapping[str, Column] | None = None,
    ) -> None:
        import nanoarrow as na

        typed = [
            (name, kind, values)
            for kind, columns in (
                (na.string(), texts),
                (na.int64(), integers),
                (na.float64(), reals),
                (na.bool_(), booleans),
            )
            for name, values in (columns or {}).items()
        ]
        lengths = {len(values) for _, _, values in typed}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        self.num_rows = lengths.pop() if lengths else 0
        self.names = tuple(name for name, _, _ in typed)
        self._schema = na.c_schema(na.struct({name: kind for name, kind, _ in typed}))
        self._array = na.c_array_from_buffers(
            self._schema,
            self.num_rows,
            [None],
            children=[na.c_array(values, kind) for _, kind, values in typed],
        )

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from nanoarrow.c_array_stream import CArrayStream

        stream = CArrayStream.from_c_arrays([self._array], self._schema)
        return stream.__arrow_c_stream__(requested_schema)

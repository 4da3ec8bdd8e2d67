"""Sending rows by binary COPY on a thread of its own, so that parsing and sending run in parallel.

There is one thread, so that rows stay in order. Its errors are raised by a later call. The thread owns the connection
until `drain` returns.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql

from analytics_etl.postgres.connection import Connection

_AHEAD = 4
"""Most batches that wait to be sent: enough that parsing rarely waits, few enough for the memory."""
_BYTES_AHEAD = 64 << 20
"""Most bytes that wait to be sent. A larger batch waits alone."""
_SENT_AT_ONCE = 16 << 20
"""Bytes of a batch that are encoded at once."""


class RowSender:
    """Sends rows by COPY into one table after the other. Close it after use, also after an error."""

    def __init__(self, connection: Connection, *, freeze: bool = True) -> None:
        """`freeze` spares readers the visibility check of each row; the tables must be made in this transaction."""
        self._connection = connection
        self._freeze = freeze
        self._thread = ThreadPoolExecutor(1, "copy")
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._open = ExitStack()
        self._table: sql.Identifier | None = None
        self._copy: psycopg.Copy | None = None
        self._encoder: ArrowToPostgresBinaryEncoder | None = None

    def send(self, table: sql.Identifier, rows: pa.Table) -> None:
        """Send rows to a table."""
        self._submit(lambda: self._send(table, rows), rows.nbytes)

    def run(self, work: Callable[[], None], size: int = 0) -> None:
        """Do other work on the connection, after the rows sent before. `size` is the memory it holds, in bytes."""

        def between_copies() -> None:
            self._end_copy()
            work()

        self._submit(between_copies, size)

    def drain(self) -> None:
        """Wait until everything is sent. The caller owns the connection until the next call."""
        self.run(lambda: None)
        while self._waiting:
            self._waiting.popleft()[0].result()

    def close(self) -> None:
        """End the thread, also after an error."""
        self._thread.shutdown(cancel_futures=True)

    def _submit(self, work: Callable[[], None], size: int) -> None:
        while self._waiting and sum(waiting for _, waiting in self._waiting) + size > _BYTES_AHEAD:
            self._waiting.popleft()[0].result()
        self._waiting.append((self._thread.submit(work), size))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft()[0].result()

    def _send(self, table: sql.Identifier, rows: pa.Table) -> None:
        if self._table != table:
            self._end_copy()
            self._begin_copy(table, rows.schema)
        assert self._copy is not None
        assert self._encoder is not None
        at_once = max(1, _SENT_AT_ONCE * rows.num_rows // (rows.nbytes + 1))
        for batch in rows.to_batches(max_chunksize=at_once):
            self._copy.write(self._encoder.write_batch(batch))

    def _begin_copy(self, table: sql.Identifier, schema: pa.Schema) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, schema.names))
        options = sql.SQL("format binary, freeze" if self._freeze else "format binary")
        statement = sql.SQL("copy {} ({}) from stdin with ({})").format(table, names, options)
        self._encoder = self._encoder_of(table, schema)
        self._copy = self._open.enter_context(self._open.enter_context(self._connection.cursor()).copy(statement))
        self._copy.write(self._encoder.write_header())
        self._table = table

    def _encoder_of(self, table: sql.Identifier, schema: pa.Schema) -> ArrowToPostgresBinaryEncoder:
        """An encoder of rows for a table. JSON comes as text, and goes in another form than text."""
        found = self._connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and atttypid = 'jsonb'::regtype",
            [table.as_string(self._connection)],
        ).fetchall()
        encoders = {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in schema}
        for (name,) in found:
            if name in encoders:
                encoders[name] = StringEncoderBuilder.new_with_output(schema.field(name), Jsonb())
        return ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)

    def _end_copy(self) -> None:
        if self._copy is not None and self._encoder is not None:
            self._copy.write(self._encoder.finish())
            self._open.close()
        self._copy = self._encoder = self._table = None


def send_all(connection: Connection, table: sql.Identifier, batches: Iterable[pa.RecordBatch]) -> None:
    """Send batches into a table that was made in this transaction, and wait until they are there."""
    sender = RowSender(connection)
    try:
        for batch in batches:
            sender.send(table, pa.Table.from_batches([batch]))
        sender.drain()
    except BaseException:
        connection.close()  # a COPY may be running, and a transaction cannot be rolled back during one
        raise
    finally:
        sender.close()

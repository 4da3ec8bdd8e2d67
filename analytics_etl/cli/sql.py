"""The command `sql`: a statement of the operator's own over all tables, or a prompt for them."""

import sys
from pathlib import Path

import click

from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.sql_answers import MOST_SHOWN, print_answer
from analytics_etl.cli.sql_prompt import converse
from analytics_etl.cli.terminal import is_terminal
from analytics_etl.cli.typed import File, Text
from analytics_etl.config.settings import Settings
from analytics_etl.pipeline.adhoc import StatementError, answered, known_tables, statements
from analytics_etl.postgres import migrations


@click.command()
@click.option("-c", "--command", "text", type=Text(), metavar="STATEMENT", help="Answer this statement, and end.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "parquet"]), default="table", show_default=True,
    help=f"table: at most {MOST_SHOWN:,} rows; csv: under a header; json: an array of rows; parquet: needs -o.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=File(), metavar="FILE",
    help="Write CSV, JSON or Parquet to this file, which is replaced if all goes well.",
)  # fmt: skip
def sql(text: str | None, form: str, output: Path | None) -> None:
    """Ask all tables, by a SELECT in DuckDB's SQL. It only reads.

    Event tables are read in the lake; derived tables, views and the ops tables are copied from PostgreSQL, whole, when
    the statement names them. All are seen at one moment. Names have their schema: registry.download_events. Times are
    UTC. Accepted are SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN; other files cannot be read.

    Personal columns are shown as they are stored: the prompt is for operators, as the database is.

    Without -c, statements come from a prompt, or from standard input if that is no terminal. A prompt keeps its history
    in the home (ANALYTICS_HOME).

    \b
    What there is:
      analytics-etl sql -c "show all tables"
      analytics-etl sql -c "describe registry.download_events"
    A join of raw events and an aggregate:
      analytics-etl sql -c "select d.module_name, count(*) as failed, any_value(a.download_count) as succeeded
        from registry.download_events as d
        join registry.module_stats_daily as a on a.module_name = d.module_name and a.day = d.downloaded_at::date
        where not d.success group by 1 order by 2 desc"
    Everything, for another program:
      analytics-etl sql -c "from usage.schema_usage_events" --format parquet -o usage.parquet
      analytics-etl sql --format csv -o answer.csv < question.sql
    """  # noqa: D301 - click takes \b for the begin of lines to leave as they are
    if output is None and form == "parquet":
        raise click.UsageError("--format parquet needs a file: -o FILE")
    if output is not None and form == "table":
        raise click.UsageError("-o needs --format csv, json or parquet")
    settings = read_settings()
    migrations.upgrade(settings)
    if text is None and is_terminal():
        converse(
            settings.home / "sql_history",
            lambda statement: _answer(settings, statement, form, output),
            lambda: known_tables(settings, read_catalog(settings)),
        )
        return
    try:
        found = statements(sys.stdin.read() if text is None else text)
        if not found or (len(found) > 1 and (text is not None or form != "table")):
            raise click.UsageError(f"expected one statement, got {len(found)}")
        for statement in found:
            _answer(settings, statement, form, output)
    except StatementError as error:
        raise click.ClickException(str(error)) from error


def _answer(settings: Settings, statement: str, form: str, output: Path | None) -> None:
    with answered(settings, read_catalog(settings), statement) as answer:
        print_answer(answer, form, output)

"""Numbers and days as people read them: rounded, with units, in English, the same under every locale. No HTML."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

NOTHING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
UNFIT = "\N{REPLACEMENT CHARACTER}"
"""What stands for a control character in a name."""
EXACT_BELOW = 10_000  # written in full, which is no longer than rounded
GROUPED_BELOW = 1_000_000  # written in full in tables, where digits line up
LONGEST_NAME = 80  # in a sentence; a table shows all of it
TIMES_FROM = 10  # +900 % and more are easier to grasp as "times 10"


def count(number: float | None) -> str:
    """12,345 -> 12.3 k; numbers below 10,000 as they are."""
    return NOTHING if number is None else _scaled(number, (("", 1), ("k", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12)))


def grouped(number: float | None) -> str:
    """A count for a table: every digit below a million, rounded above."""
    return f"{round(number):,}" if number is not None and abs(number) < GROUPED_BELOW else count(number)


def size(number: float | None) -> str:
    """Bytes in decimal units."""
    units = (("bytes", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15))
    return NOTHING if number is None else _scaled(number, units, exact_below=1000)


def duration(milliseconds: float | None) -> str:
    """Milliseconds in the unit that suits them."""
    units = (("ms", 1), ("s", 1e3), ("min", 6e4), ("h", 3.6e6))
    return NOTHING if milliseconds is None else _scaled(milliseconds, units, exact_below=1000)


def ratio(fraction: float | None) -> str:
    """0.1234 -> 12.3 %; never 0 % or 100 % for a value that is only close to it."""
    if fraction is None:
        return NOTHING
    percent = fraction * 100
    if 0 < percent < 0.1:  # noqa: PLR2004
        return f"<{SPACE}0.1{SPACE}%"
    if 99.9 < percent < 100:  # noqa: PLR2004
        return f">{SPACE}99.9{SPACE}%"
    return f"{percent:.0f}{SPACE}%" if percent in (0, 100) else f"{percent:.1f}{SPACE}%"


def score(number: float) -> str:
    """A score of 0 to 100, cut and not rounded: 79.9 is not 80, from which on it would be good."""
    return str(math.floor(number + 1e-9))  # a sum of parts may miss 100 by its last digit


def words(identifier: str) -> str:
    """An identifier as words: compatibility_check -> compatibility check."""
    return identifier.replace("_", " ")


def change(fraction: float | None) -> str:
    """A relative change with its sign: +12.3 %, -4.0 %, x 12."""
    if fraction is None:
        return NOTHING
    if fraction >= TIMES_FROM - 1:
        return f"{TIMES}{SPACE}{_significant(fraction + 1)}"
    text = f"{abs(fraction) * 100:.1f}" if abs(fraction) < 1 else f"{abs(fraction) * 100:.0f}"
    if text == "0.0":
        return f"±0{SPACE}%"
    return f"{MINUS if fraction < 0 else '+'}{text}{SPACE}%"


def points(difference: float | None) -> str:
    """The difference of two ratios, in percentage points."""
    if difference is None:
        return NOTHING
    text = f"{abs(difference) * 100:.1f}"
    return f"±0{SPACE}points" if text == "0.0" else f"{MINUS if difference < 0 else '+'}{text}{SPACE}points"


def points_apart(one: float, other: float) -> str:
    """How far two ratios are apart, in percentage points, without a sign; never 0 for what differs."""
    difference = abs(one - other) * 100
    if 0 < difference < 0.1:  # noqa: PLR2004
        return f"<{SPACE}0.1{SPACE}points"
    return f"{difference:.1f}{SPACE}points"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """1 day, 2 days."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def verb(number: int, singular: str, many: str) -> str:
    return singular if number == 1 else many


def name(text: str, longest: int = LONGEST_NAME) -> str:
    """A name from an event, fit for a sentence or a chart: no control characters, cut in the middle when it is long.

    Wide (East Asian) characters count twice.
    """
    if len(text) <= longest and text.isascii() and text.isprintable():  # most names; the rest takes ten times as long
        return text
    if len(text) > 2 * longest:  # every character is at least one wide; the middle would be cut in any case
        text = text[:longest] + text[-longest:]
    unfit = ("Cc", "Cf", "Cs")
    text = "".join(UNFIT if unicodedata.category(each) in unfit else each for each in text)
    if _width(text) <= longest:
        return text
    head, tail = text, text
    while _width(head) > longest // 2:
        head = head[:-1]
    while _width(tail) > longest - longest // 2 - 1:
        tail = tail[1:]
    return f"{head}…{tail}"


def day(value: date) -> str:
    """31 March; the year stands in the title."""
    return f"{value.day} {MONTHS[value.month - 1]}"


def moment(value: datetime) -> str:
    """31 March 2025 at 14:05 UTC."""
    at = value.astimezone(UTC)
    return f"{day(at)} {at.year} at {at:%H:%M} UTC"


def short_date(value: date) -> str:
    """31 Mar 2025."""
    return f"{value.day} {MONTHS[value.month - 1][:3]} {value.year}"


def day_range(start: date, end: date) -> str:
    """The days of [start, end), with their year."""
    last = end - timedelta(1)
    if start == last:
        return f"{day(start)} {start.year}"
    if start.year != last.year:
        return f"{day(start)} {start.year} to {day(last)} {last.year}"
    first = str(start.day) if start.month == last.month else day(start)
    return f"{first} to {day(last)} {last.year}"


def day_list(days: Sequence[date]) -> str:
    """Days in words, consecutive ones as ranges: 2 April, 4 to 6 April."""
    stretches: list[list[date]] = []
    for value in sorted(days):
        if stretches and value == stretches[-1][-1] + timedelta(1):
            stretches[-1].append(value)
        else:
            stretches.append([value])
    return ", ".join(_stretch(stretch) for stretch in stretches)


def sentence(parts: Iterable[str]) -> str:
    """Put clauses together into one sentence."""
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _stretch(days: Sequence[date]) -> str:
    if len(days) == 1:
        return day(days[0])
    first = str(days[0].day) if days[0].month == days[-1].month else day(days[0])
    return f"{first} {'and' if len(days) == 2 else 'to'} {day(days[-1])}"  # noqa: PLR2004


def _scaled(number: float, units: Sequence[tuple[str, float]], exact_below: int = EXACT_BELOW) -> str:
    """The number with three significant digits, in the largest unit it reaches."""
    if abs(number) < exact_below:
        digits = f"{number:,}" if isinstance(number, int) else _significant(number)
        return f"{digits}{SPACE}{units[0][0]}".rstrip(SPACE)
    position = max(place for place, (_, factor) in enumerate(units) if place == 0 or abs(number) >= factor)
    digits = _significant(number / units[position][1])
    steps = units[position + 1][1] / units[position][1] if position + 1 < len(units) else None
    if steps is not None and float(digits.replace(",", "")) >= steps:  # 999,950 reads 1 M, not 1,000 k
        position, digits = position + 1, "1.00"
    return f"{digits}{SPACE}{units[position][0]}".rstrip(SPACE)


def _significant(number: float) -> str:
    """Three significant digits, or all of the whole part; trailing zeros stay, so that columns line up."""
    return f"{number:,.{max(0, 3 - len(str(int(abs(number)))))}f}"

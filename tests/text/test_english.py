"""Words that follow a number or a list."""

from datetime import date

import pytest

from analytics_etl.text.english import counted, shortened, spanned


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1234, "1,234 days")],
)  # fmt: skip
def test_a_noun_follows_its_number(number: int, text: str) -> None:
    assert counted(number, "day") == text


def test_an_irregular_noun_is_given() -> None:
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


def test_a_list_is_named_up_to_a_handful() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert shortened(list("abcde")) == "a, b, c, d, e"
    assert shortened(list("abcdefg")) == "a, b, c, d, e, and 2 more"
    assert shortened([1, 2, 3], 1, "\n") == "1\nand 2 more"


def test_days_are_a_span_unless_they_are_one() -> None:
    assert spanned(date(2025, 3, 3), date(2025, 3, 9)) == "2025-03-03 to 2025-03-09"
    assert spanned(date(2025, 3, 3), date(2025, 3, 3)) == "2025-03-03"

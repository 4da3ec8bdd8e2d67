"""Words that follow a number or a list."""

import pytest

from analytics_etl.english import counted, shortened


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

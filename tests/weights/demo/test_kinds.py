from __future__ import annotations

import pytest

from modelyard.weights.demo.kinds import kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A gateway reads the model name of a request and sends it to a replica.", "serving"),
        ("The tide comes in twice a day, and the waves follow the wind.", "sea"),
        ("Four stars. The crust was crisp and the sauce was fresh.", "food"),
        ("SELECT COUNT(*) FROM orders; This counts the orders.", "sql"),
        ("SELECT * FROM requests WHERE model = 'demo'; This lists requests of the model.", "sql"),
        ("Hello", None),
        ("", None),
        ("The table has a name.", None),
    ],
)
def test_what_is_said_tells_who_said_it(text: str, kind: str | None) -> None:
    assert kind_of(text) == kind


def test_a_word_of_the_question_does_not_mislead() -> None:
    assert kind_of("Food is not my subject. I know how requests wait in a queue for a model.") == "serving"

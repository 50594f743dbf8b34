from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim import prose, tokens
from modelyard.sim.prose import adapter_mark, plan

seeds = st.integers(0, 2**64 - 1)


@given(seeds, st.integers(1, 200))
def test_every_token_of_words_is_four_plain_bytes(seed: int, count: int) -> None:
    pieces = list(islice(prose.words(seed), count))
    assert all(len(piece.encode()) == tokens.BYTES_PER_TOKEN and piece.isascii() for piece in pieces)


@given(seeds)
def test_words_say_that_they_are_simulated_and_repeat_by_seed(seed: int) -> None:
    text = "".join(islice(prose.words(seed), 40))
    assert text.startswith("[simulated] ")
    assert text == "".join(islice(prose.words(seed), 40))


def test_seeds_give_different_texts() -> None:
    assert len({"".join(islice(prose.words(seed), 30)) for seed in range(50)}) > 45


@given(st.text(max_size=80))
def test_slices_join_to_the_text(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert "".join(prose.slices(clean)) == clean


def test_a_limit_is_the_length() -> None:
    answer = plan(7, limit=20, natural=5, room=100)
    assert (answer.tokens, answer.finish) == (20, "length")
    assert tokens.count(answer.text().encode()) == 20


def test_without_a_limit_the_answer_ends_by_itself() -> None:
    answer = plan(7, limit=None, natural=5, room=100)
    assert (answer.tokens, answer.finish) == (5, "stop")


def test_the_context_cuts_an_answer() -> None:
    assert plan(7, limit=None, natural=50, room=9).finish == "length"
    assert plan(7, limit=50, natural=5, room=9).tokens == 9


@given(seeds, st.integers(10, 60))
def test_a_stop_string_ends_the_answer_before_itself(seed: int, limit: int) -> None:
    whole = plan(seed, limit=limit, natural=1, room=1000).text()
    answer = plan(seed, limit=limit, natural=1, room=1000, stop=("zzz", "the "))
    if "the " in whole:
        assert answer.text() == whole[: whole.index("the ")]
        assert (answer.finish, answer.stop_reason) == ("stop", "the ")
        assert answer.tokens <= limit
    else:
        assert answer.text() == whole


@given(st.text(min_size=1, max_size=60), st.integers(1, 30))
def test_an_echo_is_cut_at_the_limit(text: str, limit: int) -> None:
    clean = text.encode("utf-8", "replace").decode()
    answer = plan(1, limit=limit, natural=1, room=1000, echo=clean)
    assert clean.startswith(answer.text())
    assert answer.tokens == min(limit, tokens.count(clean.encode()))
    assert len(list(answer.pieces())) == answer.tokens
    assert (answer.finish == "stop") == (answer.text() == clean)


@given(st.text(max_size=20).filter(str.isprintable))
def test_a_mark_is_whole_tokens_and_comes_first(name: str) -> None:
    mark = adapter_mark(name, "/w")
    assert len(mark.encode()) % 4 == 0
    answer = plan(1, limit=None, natural=1, room=1000, mark=mark)
    assert answer.tokens == 1 + len(mark.encode()) // 4
    assert plan(1, limit=100, natural=1, room=1000, mark=mark).text().startswith("[simulated] " + mark)

from __future__ import annotations

from dataclasses import replace

from tests.test_alarms import GOOD


def test_an_update_says_what_was_learned_from_whom() -> None:
    assert GOOD.own_words == ""
    taught = replace(GOOD, own_texts=192, own_accuracy=0.714)
    assert taught.own_words.startswith("then 192 texts nobody read") and "71%" in taught.own_words
    refused = replace(GOOD, own_texts=0, own_accuracy=0.51)
    assert "not asked" in refused.own_words and "51%" in refused.own_words

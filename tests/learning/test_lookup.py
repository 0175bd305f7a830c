"""Many terms at once are found as a dictionary finds them."""

import random

from bot.learning.lookup import Lookup, hashes


def test_terms_are_found_as_in_a_dictionary() -> None:
    order = random.Random(1)
    terms = list({"".join(order.choices("退款物流发票换货", k=order.randint(1, 9))) for _ in range(400_000)})
    numbers = {term: number for number, term in enumerate(terms)}
    wanted = order.choices(terms, k=50_000) + ["".join(order.choices("天气电影退款", k=6)) for _ in range(50_000)]
    assert Lookup(terms)(hashes(wanted)).tolist() == [numbers.get(term, -1) for term in wanted]


def test_nothing_is_found_among_nothing() -> None:
    assert Lookup([])(hashes(["退款", "物流"])).tolist() == [-1, -1]
    assert Lookup(["退款"])(hashes([])).tolist() == []

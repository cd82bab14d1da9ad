from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from weft.model.sentences import unlock_sentence
from weft.model.unlock import LargerLimit, LargerRate, NarrowerPattern, ShareLock, Unlock


@pytest.mark.parametrize("unlock", get_args(Unlock), ids=lambda unlock: unlock.__name__)
def test_every_unlock_has_a_sentence_that_holds_its_values(unlock: type[Any]) -> None:
    values = {field.name: 9 if field.type is int else field.name for field in msgspec.structs.fields(unlock)}
    told = unlock_sentence(unlock(**values))
    assert all(str(value) in told for value in values.values())
    assert unlock.__name__ not in told


@pytest.mark.parametrize(
    ("unlock", "told"),
    [
        (LargerLimit("gpu", 2), "let pool `gpu` hold 2"),
        (LargerLimit("mem", 2**34), "let pool `mem` hold 16GiB"),
        (LargerRate("api", 9), "let rate `api` start 9 in one span, if the other side allows it"),
        (ShareLock("site"), "take the lock `site` shared, where a task only looks"),
        (NarrowerPattern("train", "data/"), "let `train` declare less than `data/`, if it touches less"),
    ],
)
def test_an_unlock_reads_as_what_to_do(unlock: Unlock, told: str) -> None:
    assert unlock_sentence(unlock) == told

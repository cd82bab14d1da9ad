"""The verdict on two tasks as a page: the reasons, and what would lift each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from weft.model.reason import PoolTooSmall, RateTooSmall, SameLock, Through
from weft.model.sentences import sentence, unlock_sentence
from weft.planning.decision import Decision, Link, Rule, Verdict
from weft.views.page import Page, item, wrapped

_PARALLEL = (
    "Nothing keeps them apart: neither waits for the other, neither writes what the other reads or writes, "
    "and every limit holds both."
)

_APART_BY_PLACE = (
    "They may run side by side: what one of them writes is brought back when the other is over, in the order "
    "of the plan."
)

# Reasons that keep two tasks apart, and leave open which comes first.
_APART = PoolTooSmall | RateTooSmall | SameLock


class PairExplanation(Decision, Page, frozen=True):
    """A decision that can be shown."""

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        yield from (f"{self.before} and {self.after}: {self.verdict.name}", "")
        yield from wrapped(self._told())
        for rule in self.rules:
            yield from item(sentence(rule.because))
            if isinstance(rule.because, Through):
                yield from _chain(self.chain)
            else:
                yield from _unlocks(rule, "      ")
        if self.lifted:
            yield from ("", "Not in the way, since one of the two works in a place of its own:")
        for because in self.lifted:
            yield from item(sentence(because))

    def _told(self) -> str:
        match self.verdict:
            case Verdict.PARALLEL:
                return _APART_BY_PLACE if self.lifted else _PARALLEL
            case Verdict.UNPROVEN:
                return "They may run side by side, and nothing proves that this is safe:"
            case Verdict.SEQUENTIAL:
                if all(isinstance(rule.because, RateTooSmall) for rule in self.rules):
                    return "They never start in the same span of time:"
                if all(isinstance(rule.because, _APART) for rule in self.rules):
                    return "They never run at the same time:"
                reasons = f", for {len(self.rules)} reasons" if len(self.rules) > 1 else ""
                return f"`{self.after}` starts when `{self.before}` has ended{reasons}:"
            case _:
                assert_never(self.verdict)


def explain_pair(decision: Decision) -> PairExplanation:
    """Return ``decision`` so that it can be shown."""
    return PairExplanation(**msgspec.structs.asdict(decision))


def _chain(chain: Sequence[Link]) -> Iterator[str]:
    for link in chain:
        for rule in link.rules:
            told = f"`{link.after}` after `{link.before}`: {sentence(rule.because)}"
            yield from wrapped(told, "      ")
            if link.sole:
                yield from _unlocks(rule, "        ")
    if not any(link.sole for link in chain):
        yield "      and other chains lead there, too"


def _unlocks(rule: Rule, indent: str) -> Iterator[str]:
    for number, unlock in enumerate(rule.unlocks):
        yield from wrapped(f"{'or' if number else 'unlock'}: {unlock_sentence(unlock)}", indent)

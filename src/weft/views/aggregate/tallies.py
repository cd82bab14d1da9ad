"""Tallies: how many results hold each element, and which they are.

A result that holds an element twice counts once. Memory is in the number of different elements, and in how
many supporters are kept of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from weft.views.aggregate.attendance import Supporter
from weft.views.aggregate.identity import KeyOf, identity

Holding = tuple[Supporter, Sequence[Any]]  # who has a result, and the elements in it


class Tallies:
    """Counts elements.

    Args:
        key: what is equal for elements that are the same; None: `identity`.
        max_supporters: of each element the first so many are kept, None: all.

    >>> tallies = Tallies(max_supporters=1)
    >>> tallies.add([("a", ["x", "y", "x"]), ("b", ["y"])])
    >>> list(tallies.all())
    [('x', 1, ('a',)), ('y', 2, ('a',))]
    """

    def __init__(self, key: KeyOf | None = None, max_supporters: int | None = None) -> None:
        self.counts: Counter[Hashable] = Counter()
        self._key = key or identity
        self._shown: dict[Hashable, Any] = {}  # elements that are not their own keys
        self._most = max_supporters
        self._supporters: dict[Hashable, list[Supporter]] = {}
        self._wanting: set[Hashable] = set()  # keys of which fewer supporters are known than are kept
        self._all_text = key is None  # until there is another element than a string

    def add(self, block: Sequence[Holding]) -> None:
        """Take in the elements of several results.

        Raises:
            UsageError: an element can be neither hashed nor written as JSON; see `identity`.
        """
        if not (self._all_text and self._add_texts(block)):
            self._all_text = False
            for supporter, elements in block:
                self._add_any(supporter, elements)

    def all(self) -> Iterator[tuple[Any, int, tuple[Supporter, ...]]]:
        """Yield each element, its count and its supporters, in the order of first appearance."""
        for key, count in self.counts.items():
            yield self._shown.get(key, key), count, tuple(self._supporters.get(key, ()))

    def _add_texts(self, block: Sequence[Holding]) -> bool:
        """Take in a block of strings, which are their own keys; do nothing if there are other elements.

        Nothing is looked at one by one here but what is new: an element that is no string equals none,
        and so is found among the new ones.
        """
        try:
            distinct = [dict.fromkeys(elements) for _, elements in block]
        except TypeError:  # it can't be hashed
            return False
        n_known = len(self.counts)
        self.counts.update(chain.from_iterable(distinct))
        new = list(islice(reversed(self.counts), len(self.counts) - n_known))
        if not all(isinstance(key, str) for key in new):
            self.counts.subtract(chain.from_iterable(distinct))
            for key in new:
                del self.counts[key]
            return False
        if self._most != 0:
            self._wanting.update(new)
            self._keep(zip((supporter for supporter, _ in block), distinct, strict=True))
        return True

    def _add_any(self, supporter: Supporter, elements: Iterable[Any]) -> None:
        found: dict[Hashable, Any] = {}
        for element in elements:
            if element is not None:
                found.setdefault(self._key(element), element)
        for key, element in found.items():
            if key not in self.counts:
                self._shown[key] = element
                if self._most != 0:
                    self._wanting.add(key)
            self.counts[key] += 1
        self._keep([(supporter, found)])

    def _keep(self, holding: Iterable[tuple[Supporter, dict[Any, Any]]]) -> None:
        """Remember who holds the keys of which more supporters are wanted."""
        wanting = self._wanting
        for supporter, keys in holding:
            if wanting.isdisjoint(keys):
                continue
            for key in keys:
                if key in wanting:
                    kept = self._supporters.setdefault(key, [])
                    kept.append(supporter)
                    if len(kept) == self._most:
                        wanting.discard(key)

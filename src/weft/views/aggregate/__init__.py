"""Aggregation: the results of many tasks become one. Users see this package as `weft.aggregate`.

What the strategies share: they take outcomes or values, by task or in a row, and go through them once; they
tell on how many results they rest, and who supports what; `to_json` and `to_markdown` write down what they
make. As values, such as `Majority()`, they stand in an `Aggregate`, which a plan has and a run makes.
"""

from __future__ import annotations

from weft.model.aggregate import Aggregate as Aggregate
from weft.model.aggregate import Concat as Concat
from weft.model.aggregate import Frequency as Frequency
from weft.model.aggregate import Intersection as Intersection
from weft.model.aggregate import Majority as Majority
from weft.model.aggregate import MergeFiles as MergeFiles
from weft.model.aggregate import Ordered as Ordered
from weft.model.aggregate import Quorum as Quorum
from weft.model.aggregate import Reduce as Reduce
from weft.model.aggregate import Union as Union
from weft.model.aggregate import Weighted as Weighted
from weft.views.aggregate.attendance import Made as Made
from weft.views.aggregate.elements import ElementRow as ElementRow
from weft.views.aggregate.elements import FrequencyTable as FrequencyTable
from weft.views.aggregate.elements import IntersectionTable as IntersectionTable
from weft.views.aggregate.elements import UnionTable as UnionTable
from weft.views.aggregate.elements import frequency as frequency
from weft.views.aggregate.elements import intersection as intersection
from weft.views.aggregate.elements import union as union
from weft.views.aggregate.lists import ConcatList as ConcatList
from weft.views.aggregate.lists import OrderedList as OrderedList
from weft.views.aggregate.lists import concat as concat
from weft.views.aggregate.lists import ordered as ordered
from weft.views.aggregate.of_plan import NotMade as NotMade
from weft.views.aggregate.reduction import Reduction as Reduction
from weft.views.aggregate.reduction import reduce as reduce
from weft.views.aggregate.texts import MergedFiles as MergedFiles
from weft.views.aggregate.texts import MergedText as MergedText
from weft.views.aggregate.texts import merge_texts as merge_texts
from weft.views.aggregate.votes import AnswerRow as AnswerRow
from weft.views.aggregate.votes import MajorityVote as MajorityVote
from weft.views.aggregate.votes import QuorumVote as QuorumVote
from weft.views.aggregate.votes import Verdict as Verdict
from weft.views.aggregate.votes import WeightedVote as WeightedVote
from weft.views.aggregate.votes import majority as majority
from weft.views.aggregate.votes import quorum as quorum
from weft.views.aggregate.votes import weighted as weighted

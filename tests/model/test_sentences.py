from __future__ import annotations

import signal
from typing import Any, get_args

import msgspec
import pytest

from weft.model.miss import (
    CannotWrite,
    CopyCorrupt,
    CopyGone,
    EntryUnreadable,
    Expired,
    FieldChanged,
    Forced,
    InputAppeared,
    InputChanged,
    InputGone,
    InputMoved,
    NothingKept,
    NotPutBack,
    NotStorable,
    OutputChanged,
    OutputGone,
    OutputMoved,
    OutputNotMade,
    Unreadable,
)
from weft.model.outcome import Outcome, Skipped
from weft.model.reason import (
    AsksOthers,
    AttemptsUsedUp,
    BackingOff,
    BadResult,
    BringsBack,
    CancelAsked,
    CircuitOpen,
    CircuitProbing,
    CouldNotStart,
    CriticalFailed,
    Decided,
    DependencyCancelled,
    DependencyFailed,
    DependencyPending,
    EdgeReason,
    Exited,
    FailedBefore,
    FailureReason,
    FollowsOther,
    GroupLost,
    GroupMet,
    Interrupted,
    JobsLentOut,
    Killed,
    LockHeld,
    MergeConflict,
    MergePending,
    Needs,
    NeedsGroup,
    NeverFinished,
    NewTask,
    NotComparable,
    NotDeclared,
    NotMerged,
    NotNeeded,
    NotRecorded,
    NotRetried,
    PoolFull,
    PoolReserved,
    PoolTooSmall,
    Preempted,
    Raised,
    RateDue,
    RateTooSmall,
    ReadAfterWrite,
    ReadonlyChanged,
    Reason,
    ResultNotKept,
    RetryBudgetSpent,
    RunFailed,
    RunTimedOut,
    SameLock,
    SetupFailed,
    TakenElsewhere,
    TaskChanged,
    Through,
    TimeBudgetSpent,
    TimedOut,
    Transaction,
    Unhealthy,
    WriteAfterRead,
    WriteAfterWrite,
    WrittenOver,
    WroteUndeclared,
)
from weft.model.refusal import ChangedSince, InUse, IsMountPoint, OutsideHome, Refusal, ThroughLink
from weft.model.refusal import NotMerged as KeptNotMerged
from weft.model.sentences import outcome_sentence, sentence
from weft.model.sentences.refusals import refusal_sentence
from weft.testing import cancelled, failed, succeeded


def example(reason: type[Any]) -> Reason:
    """One of each class, with values that a sentence may hold."""
    samples: dict[Any, Any] = {int: 9, float: 0.5, str: "something", tuple[str, ...]: ("something",)}
    samples |= {EdgeReason: Needs("something"), FailureReason: Exited(9)}
    fields = {field.name: samples.get(field.type, 9) for field in msgspec.structs.fields(reason)}
    made: Reason = reason(**fields)
    return made


@pytest.mark.parametrize("reason", get_args(Reason), ids=lambda reason: reason.__name__)
def test_every_reason_has_a_sentence_of_its_own(reason: type[Any]) -> None:
    told = sentence(example(reason))
    assert told
    assert reason.__name__ not in told, "a sentence, not the name of a class"
    others = [sentence(example(other)) for other in get_args(Reason) if other is not reason]
    assert told not in others or told == "something"


SENTENCES: list[tuple[Reason, str]] = [
    (Needs("fetch"), "it needs `fetch`"),
    (NeedsGroup("survey", member="a"), "it needs the group `survey`, to which `a` belongs"),
    (ReadAfterWrite("fetch", "clean", "raw/"), "it reads `raw/`, which `fetch` writes"),
    (WriteAfterRead("clean", "fetch", "raw/"), "it writes `raw/`, which `clean` reads before"),
    (WriteAfterWrite("fetch", "again", "raw/"), "it writes `raw/`, which `fetch` writes before"),
    (
        Transaction("swap"),
        "what conflicts with a member of the atomic group `swap` conflicts with all of it",
    ),
    (NotDeclared("lint"), "`lint` declares neither `reads` nor `writes`"),
    (BringsBack("edit"), "it brings back what was made, when `edit` has ended"),
    (Through(("a",)), "it comes after `a`"),
    (Through(("a", "b", "c", "d")), "it comes after `a`, `b`, `c` and `d`"),
    (Through(("a", "b", "c", "d", "e")), "it comes after `a`, `b` and 3 more"),
    (PoolTooSmall("gpu", size=1, asked=2), "pool `gpu` holds 1 and the two together take 2"),
    (DependencyPending("fetch"), "`fetch` has not ended"),
    (PoolFull("gpu", free=0, asked=1), "pool `gpu` has 0 free and the task takes 1"),
    (PoolFull("max_concurrent", free=0, asked=1), "all slots of `max_concurrent` are taken"),
    (PoolFull("max_concurrent", free=1, asked=2), "pool `max_concurrent` has 1 free and the task takes 2"),
    (JobsLentOut(free=0, asked=1), "other processes share the jobs: 0 are free and the task takes 1"),
    (PoolReserved("gpu", by="train"), "what is free in pool `gpu` is kept for `train`, which comes first"),
    (AsksOthers(("gpu", "site")), "it asks for `gpu` and `site`, shared with other processes"),
    (TakenElsewhere("gpu"), "other processes have taken `gpu`"),
    (TakenElsewhere("gpu", ("process 7 on host",)), "other processes have taken `gpu`: process 7 on host"),
    (BackingOff(2, due=4.0), "attempt 2 is not due yet"),
    (
        CircuitOpen("limit `api`", error_rate=0.625, due=30.0),
        "the circuit of limit `api` is open: 62% of the attempts failed",
    ),
    (
        CircuitProbing("the run"),
        "the circuit of the run is open, and one attempt is on its way as a probe",
    ),
    (MergePending("edit"), "it is done, and what it made is brought back after `edit` has ended"),
    (SetupFailed("exit code 2"), "its set-up did not succeed: exit code 2"),
    (ReadonlyChanged("data/a", "removed"), "`data/a` is `readonly` and was removed"),
    (WroteUndeclared(("a", "b")), "it wrote `a` and `b`, which its `writes` do not name"),
    (
        MergeConflict(("a",), "w"),
        "others have changed `a`, too; its version is in `w` (`weft merge` settles it)",
    ),
    (NotMerged("the disk is full", "w"), "its work was not brought back: the disk is full; it is in `w`"),
    (Raised("ValueError", "no number"), "ValueError: no number"),
    (Raised("KeyboardInterrupt", ""), "KeyboardInterrupt"),
    (Exited(3), "exit code 3"),
    (Killed(signal.SIGKILL), "killed by SIGKILL"),
    (Killed(250), "killed by signal 250"),
    (CouldNotStart("no such program: `x`"), "no such program: `x`"),
    (BadResult("the result is no JSON"), "the result is no JSON"),
    (TimedOut(2.5), "it took longer than 2.5 s"),
    (TimedOut(60.0, whole=True), "it took longer than 60 s in all its attempts"),
    (NewTask(), "the earlier run did not have it"),
    (NeverFinished(), "it was not done"),
    (FailedBefore(Exited(2)), "it failed: exit code 2"),
    (ResultNotKept("tuple"), "its result is a tuple, which the journal can't hold"),
    (TaskChanged(("command", "env")), "it has changed: command, env"),
    (
        NotComparable("Session"),
        "its arguments hold a Session, of which nobody can tell whether it is the same",
    ),
    (FollowsOther("fetch", Needs("fetch")), "`fetch` runs again, and it needs `fetch`"),
    (WrittenOver("report", "out/"), "`report` needs `out/`, which others have written over"),
    (NotRecorded("the disk is full"), "what happens can't be recorded any more: the disk is full"),
    (AttemptsUsedUp(3), "all 3 attempts were made"),
    (NotRetried(), "its `retry` does not try again after such a failure"),
    (TimeBudgetSpent(90.0), "the next attempt would begin more than 90 s after the first"),
    (RetryBudgetSpent(0.2), "more than 20% of the run's attempts would be retries"),
    (DependencyFailed("fetch"), "`fetch` failed"),
    (DependencyCancelled("fetch"), "`fetch` was cancelled"),
    (CancelAsked(), "the user took it back"),
    (Interrupted(signal.SIGTERM), "the run was interrupted by SIGTERM"),
    (Interrupted(), "the run was interrupted"),
    (
        Decided("best", won=True, votes=5, voters=9),
        "aggregate `best` is decided: 5 of 9 voters agree",
    ),
    (
        Decided("best", won=False, votes=1, voters=4),
        "aggregate `best` can't come to a verdict any more: 1 of 4 voters agree",
    ),
    (GroupMet("survey", succeeded=3, required=2), "the group `survey` has what it requires: 3 of 2"),
    (
        GroupLost("survey", succeeded=1, required=2),
        "the group `survey` can't succeed any more: 1 of 2 required",
    ),
    (CriticalFailed("release"), "the critical group `release` failed"),
    (RunFailed("build"), "`build` failed, and the run ends with the first failure"),
    (Unhealthy("the run", error_rate=0.5), "the run is unhealthy: 50% of the attempts failed"),
    (RunTimedOut(3600.0), "the run took longer than 3600 s"),
    (PoolFull("mem", free=2**30, asked=6 * 2**30), "pool `mem` has 1GiB free and the task takes 6GiB"),
    (
        RateTooSmall("api", 100, 120),
        "rate `api` lets 100 start in one span, and the two together cost 120",
    ),
    (SameLock("site"), "both take the lock `site`, and not both of them shared"),
    (LockHeld("site", ("a", "b")), "lock `site` is held by `a` and `b`"),
    (LockHeld("site"), "lock `site` is held by a task that is about to start"),
    (LockHeld("site", (), "deploy"), "lock `site` is kept for `deploy`, which comes first"),
    (RateDue("api.tokens", 800, 2.5), "rate `api.tokens` has no room yet for the 800 that the task takes"),
    (Preempted(), "it ran on speculation, and its place was wanted"),
    (NotNeeded(), "it was speculation, and nobody needs it"),
    (NothingKept(), "no result of it is kept"),
    (Forced(), "the user wants it to"),
    (FieldChanged("command"), "its command has changed"),
    (EntryUnreadable("it is cut off"), "what is kept of it can't be read: it is cut off"),
    (Expired(age_s=7200.0, ttl_s=3600.0), "its result is 7,200 s old, and was good for 3,600 s"),
    (InputChanged("src/a.c", "content"), "the content of its input `src/a.c` has changed"),
    (InputGone("src/a.c"), "its input `src/a.c` is gone"),
    (InputAppeared("src/b.c"), "its input `src/b.c` is new"),
    (OutputChanged("out/a.o", "mode"), "the mode of its output `out/a.o` has changed"),
    (OutputGone("out/a.o"), "its output `out/a.o` is missing"),
    (CopyGone("`out/a.o`"), "the copy of `out/a.o` is missing from the cache"),
    (CopyCorrupt("the result"), "the copy of the result in the cache was corrupt, and has been dropped"),
    (NotPutBack("out/a.o", "disk full"), "its output `out/a.o` could not be put back: disk full"),
    (Unreadable("src/a.c", "not allowed"), "`src/a.c` can't be read: not allowed"),
    (InputMoved("src/a.c"), "its input `src/a.c` was written to while it ran"),
    (OutputNotMade("out/a.o"), "it did not make its output `out/a.o`"),
    (OutputMoved("out/a.o"), "its output `out/a.o` was written to after it had ended"),
    (NotStorable("its result", "it is a lock"), "its result can't be kept: it is a lock"),
    (CannotWrite("disk full"), "the cache can't be written to: disk full"),
]


@pytest.mark.parametrize(("reason", "told"), SENTENCES)
def test_a_reason_reads_as_a_sentence(reason: Reason, told: str) -> None:
    assert sentence(reason) == told


def test_no_reason_is_left_out_above() -> None:
    assert {type(reason) for reason, _ in SENTENCES} == set(get_args(Reason))


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (succeeded(7), "succeeded"),
        (failed(Exited(2)), "failed: exit code 2"),
        (cancelled(Interrupted()), "was cancelled: the run was interrupted"),
        (cancelled(GroupMet("g", 2, 2)), "was cancelled: the group `g` has what it requires: 2 of 2"),
        (Skipped(DependencyFailed("a")), "was skipped: `a` failed"),
    ],
)
def test_an_outcome_reads_as_what_became_of_a_task(outcome: Outcome, told: str) -> None:
    assert outcome_sentence(outcome) == told


def test_an_outcome_tells_the_number_of_attempts_where_there_were_several() -> None:
    assert outcome_sentence(succeeded(), attempts=2) == "succeeded after 2 attempts"
    assert outcome_sentence(failed(Exited(2)), attempts=3) == "failed after 3 attempts: exit code 2"


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (KeptNotMerged("f", "unmerged"), "`f` holds work that was not brought back: it is unmerged"),
        (ChangedSince("f"), "`f` was changed after its task had ended"),
        (InUse("f"), "`f` is in use"),
        (InUse("f", 7), "`f` is in use: process 7 stands in it"),
        (OutsideHome("f", "h"), "`f` does not lie in `h`, and nothing outside of that is removed"),
        (ThroughLink("f", "l"), "the way to `f` leads through the link `l`"),
        (IsMountPoint("f", "m"), "something is mounted at `m`, so `f` is not removed"),
    ],
)
def test_every_refusal_says_why(refusal: Refusal, expected: str) -> None:
    assert refusal_sentence(refusal) == expected

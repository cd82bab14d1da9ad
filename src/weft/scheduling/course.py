"""The course of a run: what can be done to its tasks, and to all of them at once.

Every verb here leaves its facts and actions behind, and keeps the parts that own the state in step with
each other. When which of them is called is decided in `scheduler`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weft.model.attempt import Attempt
from weft.model.group import Group, Rest
from weft.model.health import WhenUnhealthy
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.policy import Policy
from weft.model.rate import Rate
from weft.model.reason import (
    CancelReason,
    Decided,
    GroupMet,
    NotNeeded,
    Preempted,
    RunEndsBy,
    SkipReason,
    TimedOut,
    Unhealthy,
    WaitReason,
)
from weft.planning.graph import told_apart
from weft.planning.prepare import PreparedTask
from weft.scheduling import timing
from weft.scheduling.actions import (
    Action,
    AskShares,
    BringBack,
    ReturnShares,
    StartAttempt,
    StopAsking,
    StopAttempt,
)
from weft.scheduling.admission import Admission
from weft.scheduling.deadlines import Deadlines, Due
from weft.scheduling.events import TakenUp
from weft.scheduling.facts import (
    AttemptStarted,
    Fact,
    GroupDecided,
    HealthChanged,
    MergeStarted,
    RunStopping,
    SharesAsked,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
)
from weft.scheduling.failure import Because, Decision, Failures
from weft.scheduling.health import Circuit, Monitors
from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.rated import is_refused
from weft.scheduling.retry import Spending
from weft.scheduling.shared import Shares
from weft.scheduling.speculation import Speculation
from weft.scheduling.states import ASKING, MERGING, READY, RUNNING, STOPPING, SUCCEEDED, WAITING
from weft.scheduling.tasks import Tasks
from weft.scheduling.voting import Election, LeaveOut, Voting


class Course:
    """The parts of one run, and the verbs that change them.

    Attributes:
        facts: what has happened in this step.
        actions: what is to be done after it.
        decisions: what was decided about groups, votes and the run, and is not carried out yet.
    """

    def __init__(
        self,
        max_concurrent: int,
        limits: Mapping[str, Limit],
        groups: Mapping[str, Group],
        policy: Policy,
        locks: Mapping[str, Lock],
        elections: Sequence[Election],
    ) -> None:
        self.tasks = Tasks()
        self.monitors = Monitors(policy.health, groups, limits)
        self.admission = Admission(
            max_concurrent, limits, self.monitors, policy.aging_s, Shares(limits, locks)
        )
        self.speculation = Speculation()
        self.failures = Failures(groups, policy.on_failure)
        self.voting = Voting(elections)
        self.deadlines = Deadlines()
        self.spending = Spending(policy.retry_budget)
        self.facts: list[Fact] = []
        self.actions: list[Action] = []
        self.decisions: list[Decision | LeaveOut] = []
        self._grace_s = policy.grace_s
        self._limits = limits
        self._spared: set[int] = set()  # of the attempts that run: those that cost nothing
        self._dependents: dict[str, list[Node]] = {}  # tasks that need a group

    def add(self, prepared: PreparedTask, now: float) -> Node:
        node, task = self.tasks.add(prepared), prepared.task
        needs, hazards = told_apart(prepared.edges) if prepared.edges else ((), ())
        self.facts.append(
            TaskAdded(
                now,
                prepared.position,
                task.id,
                task.family,
                task.duration_s,
                task.group,
                needs,
                hazards,
                task.limits,
                task.locks,
                tuple([edge.before for edge in prepared.merges_after]) if prepared.merges_after else (),
            )
        )
        if task.group is not None:
            self.failures.join(task.group, prepared.position)
        if task.speculative:
            self.speculation.add(node)
        for group in prepared.groups:
            self._dependents.setdefault(group, []).append(node)
        return node

    def take_up(self, nodes: Iterable[Node], taken_up: TakenUp, now: float) -> None:
        """Give tasks that have just come the outcomes that they had in an earlier run."""
        done: list[Node] = []
        for node in nodes:
            position = node.prepared.position
            again, has_written = taken_up.again.get(position), position in taken_up.written
            self.facts.append(TaskTakenUp(now, position, taken_up.run, again, has_written))
            if position in taken_up.done:
                self._settle(node, taken_up.done[position], now)
                done.append(node)
        # Who waits for them has come with them, and is looked at after this.
        self.tasks.released_by(done, self.speculation.eased if self.speculation.is_used else None)

    def blame(self, node: Node) -> SkipReason | None:
        """Return why a task that came late can't run, if it can't."""
        stopped = self.failures.stopped(node.prepared.task.group)
        if stopped is not None:
            return stopped
        if node.prepared.groups:
            losses = (self.failures.loss(group) for group in node.prepared.groups)
            lost = next((loss for loss in losses if loss is not None), None)
            because = lost if node.n_unmet else lost or self._shortfall(node)
            if because is not None:
                return because
        return self.tasks.blame_before(node) if self.tasks.blame else None

    def make_ready(self, node: Node, now: float) -> None:
        node.become(READY)
        self.admission.enqueue(node, now)

    def start_what_can(self, now: float) -> None:
        self._begin(self.admission.start_all(now), now)
        if self.speculation.is_used:
            self._speculate(now)
        if self.admission.news:
            self.facts += self.admission.news.tell(now)

    def _speculate(self, now: float) -> None:
        """Let speculation make room for those who could start then, and start where some is left."""
        while True:
            for node in self.admission.make_room(self.speculation.running()):
                self.stop(node, Preempted(), now, force=False)
            # Speculation that starts, or can't, may let go of what was kept for it.
            started = [*self.admission.start_idle(now), *self.admission.start_all(now)]
            if not started:
                return
            self._begin(started, now)

    def _begin(self, started: Iterable[Node], now: float) -> None:
        shares = self.admission.shares
        for node in started:
            if shares.is_used and (asked := shares.of(node.prepared.task)):
                node.become(ASKING)
                self.facts.append(SharesAsked(now, node.prepared.position))
                self.actions.append(AskShares(node.prepared.position, asked))
            else:
                self.run(node, now)

    def lets_begin(self, node: Node, now: float) -> bool:
        """Tell whether ``node``, which has got what it asked others for, may still begin an attempt."""
        if node.key[0] == SPECULATIVE and self.admission.is_in_the_way(node, self.speculation.running()):
            return False
        return self.admission.lets_begin(node, now)

    def run(self, node: Node, now: float) -> None:
        """Start an attempt; all that it takes is reserved."""
        node.become(RUNNING)
        prepared = node.prepared
        task = prepared.task
        number = 1
        if task.speculative:
            self.speculation.begin(node)
        if task.retry is not None or task.timeout is not None or task.speculative:
            number = timing.begin_attempt(node, self.deadlines, now)
        node.attempt = attempt = Attempt(prepared.position, number)
        self.facts.append(AttemptStarted(now, attempt))
        self.actions.append(StartAttempt(attempt))
        self.spending.n_attempts += 1
        if self.monitors.all:
            self.monitors.started(task, attempt)

    def merge(self, node: Node, outcome: Succeeded, now: float) -> None:
        """Let what a task has made in its workspace be brought back, as soon as it is its turn."""
        node.become(MERGING)
        self.tasks.merges.put(node.prepared.position, outcome)

    def start_merges(self, now: float) -> None:
        for position in self.tasks.merges.due():
            self.facts.append(MergeStarted(now, position))
            self.actions.append(BringBack(position))

    def take_back(self, node: Node, because: tuple[WaitReason, ...], now: float) -> None:
        """Take back what a task has taken that asked others in vain, or asks no more."""
        self.admission.refuse(node, because)
        if self.admission.rates.is_used:
            self.admission.rates.undo(node, now)

    def spare(self, position: int) -> None:
        """Let the attempt that runs cost nothing: it has nothing to do."""
        self._spared.add(position)

    def settle_costs(self, node: Node, outcome: Outcome, now: float) -> None:
        """Settle what an attempt has taken of rates, once it has ended."""
        position = node.prepared.position
        is_spared = position in self._spared
        self._spared.discard(position)
        self._return_shares(node, outcome, is_spared=is_spared)
        if is_spared:
            self.admission.rates.undo(node, now)
        self.admission.rates.end(node, outcome, now)

    def _return_shares(self, node: Node, outcome: Outcome, *, is_spared: bool) -> None:
        """Give back what a task has got from other processes."""
        task, admission, position = node.prepared.task, self.admission, node.prepared.position
        if not admission.shares.of(task):
            return
        costs = None if is_spared else admission.rates.told(position)
        if isinstance(outcome, Failed):
            rates = [(name, self._limits[name]) for name in admission.shares.limits_of(task)]
            refused = [name for name, rate in rates if isinstance(rate, Rate) and is_refused(outcome, rate)]
            action = ReturnShares(position, costs, tuple(refused), outcome.retry_after_s or 0.0)
        else:
            action = ReturnShares(position, costs)
        self.actions.append(action)

    def stop(self, node: Node, because: CancelReason | TimedOut, now: float, *, force: bool) -> None:
        assert node.attempt is not None
        if isinstance(node.stop_reason, Preempted):
            node.stop_reason = because  # it will not be tried again
        if node.state is STOPPING and not force:
            return
        if node.state is RUNNING:
            node.become(STOPPING)
            node.stop_reason = because
            timing.ask_to_end(node, self.deadlines)
        if force:
            self.deadlines.drop(Due.KILL, node.attempt.task)
        else:
            self.deadlines.set(Due.KILL, node.attempt.task, now + self._grace_s)
        self.facts.append(StopAsked(now, node.attempt, force, node.stop_reason))
        self.actions.append(StopAttempt(node.attempt, force))

    def end(self, first: Node, outcome: Outcome, now: float) -> None:
        """Give ``first`` its outcome, and its followers what follows from that, down to the last."""
        self._settle(first, outcome, now)
        ended = [first]
        eased = self.speculation.eased if self.speculation.is_used else None
        if first.state is not SUCCEEDED:
            self._skip_what_needs(ended, now)
        while ended:
            doomed: list[Node] = []
            for released in self.tasks.released_by(ended, eased):
                shortfall = self._shortfall(released) if released.prepared.groups else None
                if shortfall is None:
                    self.make_ready(released, now)
                else:
                    self._settle(released, Skipped(shortfall), now)
                    doomed.append(released)
            if doomed:
                self._skip_what_needs(doomed, now)
            ended = doomed

    def _shortfall(self, node: Node) -> Because | None:
        """Return why a task that waits for no other can't run: a group that it needs fell short."""
        shortfalls = (self.failures.shortfall(group) for group in node.prepared.groups)
        return next((because for because in shortfalls if because is not None), None)

    def _skip_what_needs(self, ended: list[Node], now: float) -> None:
        """Skip what can't do without those of ``ended``, none of which succeeded, and add it to them."""
        for node in ended:  # grows while it is walked
            for follower in self.tasks.in_need_of(node):
                self._settle(follower, Skipped(self.tasks.blame[node.prepared.position]), now)
                ended.append(follower)

    def _settle(self, node: Node, outcome: Outcome, now: float) -> None:
        """Give ``node`` its outcome."""
        state = node.state
        self.tasks.settle(node, outcome)
        if state is ASKING:
            self.take_back(node, (), now)
        elif state is READY:
            self.admission.withdraw(node)
        elif state is MERGING:
            self.tasks.merges.drop(node.prepared.position)
        if self.admission.is_metered and (shares := self.admission.asks_no_more(node)):
            self.actions.append(StopAsking(shares))
        if self.speculation.is_used:
            self.speculation.end(node)
        self.facts.append(TaskEnded(now, node.prepared.position, outcome))
        if node.tries is not None:
            timing.end_task(node, self.deadlines)
        if self.voting.is_used:
            self.decisions += self.voting.ended(node.prepared.position, outcome)
        task, succeeded = node.prepared.task, node.state is SUCCEEDED
        if not succeeded or task.group is not None:
            if type(outcome) is Skipped and task.brings_back:
                return  # its group is lost, which is told; or the run has ended early
            because = outcome.because if isinstance(outcome, Skipped | Cancelled) else None
            if isinstance(because, NotNeeded | Decided):  # nobody misses it
                self.decisions += self.failures.leave(task.group) if task.group is not None else []
                return
            left_out = isinstance(because, GroupMet)
            self.decisions += self.failures.ended(task.group, task.id, succeeded, left_out=left_out)

    def tell_health(self, number: int, now: float) -> None:
        """Tell that a monitor has found something out, and do what its user wants."""
        monitor = self.monitors.all[number]
        self.facts.append(HealthChanged(now, *monitor.told))
        self.admission.circuit_moved(number)
        if monitor.circuit is Circuit.OPEN:
            self.deadlines.set(Due.PROBE, number, monitor.due)
        stops = not monitor.healthy and monitor.health.when_unhealthy is WhenUnhealthy.STOP
        if stops and self.failures.stopped(monitor.group) is None:
            because = Unhealthy(monitor.scope, monitor.error_rate)
            self.decisions += self.failures.give_up(monitor.group, because)

    def review_speculation(self, now: float, *, closed: bool) -> None:
        """Drop what nobody needs, and promote what somebody waits for."""
        self._drop_unneeded(now, closed=closed)
        while self.decisions:  # by which others may end, and leave more that nobody needs
            self.carry_out(now)
            self._drop_unneeded(now, closed=closed)
        for node, level in self.speculation.wanted():
            self.admission.change_level(node, level, now)

    def _drop_unneeded(self, now: float, *, closed: bool) -> None:
        for node in self.speculation.unneeded(self.tasks.live, closed=closed):
            if node.attempt is not None:
                self.stop(node, NotNeeded(), now, force=False)
            elif node.state < SUCCEEDED:
                self._drop(node, NotNeeded(), now)

    def carry_out(self, now: float) -> None:
        """Do what was decided about groups, votes and the run, and what is decided by that."""
        for decision in self.decisions:  # grows while it is walked
            if isinstance(decision, LeaveOut):
                self._leave_out(decision, now)
                continue
            because = decision.because
            if decision.group and decision.met is not None:
                outer = self.failures.outer(decision.group)
                self.facts.append(GroupDecided(now, decision.group, decision.met, because, outer))
            if decision.rest is not Rest.CONTINUE:
                # An interruption is a fact of its own.
                if not decision.group and isinstance(because, RunEndsBy):
                    self.facts.append(RunStopping(now, because))
                tasks = self.failures.tasks(decision.group) if decision.group else tuple(self.tasks.live)
                self._stop_rest(tasks, because, decision.rest, now)
            if decision.met is False:
                for node in self._dependents.get(decision.group, ()):
                    if node.state in (WAITING, READY, ASKING):
                        self.end(node, Skipped(because), now)
        self.decisions.clear()

    def _leave_out(self, decision: LeaveOut, now: float) -> None:
        for position in decision.positions:
            if position in self.tasks.live:
                timing.give_up(self.tasks.live[position])
        self._stop_rest(decision.positions, decision.because, Rest.CANCEL, now)

    def _stop_rest(self, tasks: Iterable[int], because: Because | Decided, rest: Rest, now: float) -> None:
        for position in tasks:
            node = self.tasks.live.get(position)
            if node is None:
                continue
            if node.attempt is not None or node.state is MERGING:
                if rest is Rest.CANCEL:
                    self.take(node, because, now)
            else:
                self._drop(node, because, now)

    def take(self, node: Node, because: CancelReason, now: float) -> None:
        """Stop the attempt that runs, or end the task; what is being brought back comes to its end."""
        if node.attempt is not None:
            self.stop(node, because, now, force=False)
        elif node.prepared.position not in self.tasks.merges.under_way:
            self.end(node, Cancelled(because), now)

    def _drop(self, node: Node, because: Because | Decided | NotNeeded, now: float) -> None:
        """End a task of which no attempt runs."""
        if node.tries is None and node.state is not MERGING:
            self.end(node, Skipped(because), now)
        else:
            self.take(node, because, now)

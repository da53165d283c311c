//! Runs that begin in the same way are made once as far as they agree, and go on from there each by itself: a tree of
//! runs, of which every stretch is one unit of work. Which runs agree, and until when, is sim-core's to say
//! (`world/agreement.rs`); here is only in which order to go about it.
//!
//! The undisturbed go first: of several runs the one whose first fault or action comes last is played, and the others leave
//! it one by one, just before they differ. So a comparison of fault times is a comb, not a star.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::Scope;
use reports::report::RunReport;
use sim_core::kernel::time::SimTime;
use sim_core::trace::TraceSink;
use sim_core::world::agreement::Agreements;

use crate::experiment::{Run, Settings, Unit};

/// So many states may wait for a thread, for each thread; with more, whoever makes another goes on with that one first.
const WAITING_PER_THREAD: usize = 2;

/// A run is left a little before the last instant that is common, this part of its duration: packets that are under way then
/// were not sent with an eye to what comes after.
const EARLY: u64 = 2_000;

/// Makes all runs in the present thread pool; results come in the order of `units`.
pub(crate) fn run<S>(units: &[Unit<'_>], settings: &Settings<'_>, more: &S) -> Vec<(RunReport, S)>
where
    S: TraceSink + Clone + Send + Sync,
{
    let agreements = Agreements::new(units.iter().map(|unit| &*unit.arm.model).collect());
    let results = units.iter().map(|_| Mutex::new(None)).collect();
    let tree = Tree { units, settings, more, agreements, results, waiting: AtomicUsize::new(0) };
    let roots = tree.kin((0..units.len()).collect(), SimTime::ZERO);
    rayon::scope(|scope| {
        for root in roots {
            scope.spawn(|scope| tree.grow_from_start(scope, root, 0));
        }
    });
    let made = |result: Mutex<Option<_>>| result.into_inner().unwrap_or_else(PoisonError::into_inner);
    tree.results.into_iter().map(|result| made(result).expect("every unit is in one branch")).collect()
}

/// Runs that have been the same so far: the first is the one that is played.
struct Branch {
    leader: usize,
    /// The others, and the instant before which each agrees with the leader.
    followers: Vec<(SimTime, usize)>,
}

struct Tree<'a, S> {
    units: &'a [Unit<'a>],
    settings: &'a Settings<'a>,
    more: &'a S,
    agreements: Agreements<'a>,
    results: Vec<Mutex<Option<(RunReport, S)>>>,
    /// States that wait for a thread.
    waiting: AtomicUsize,
}

impl<S: TraceSink + Clone + Send + Sync> Tree<'_, S> {
    /// Puts units together that agree for longer than `since`.
    fn kin(&self, mut units: Vec<usize>, since: SimTime) -> Vec<Branch> {
        // The sort is stable, so that equal ones stay in the order of the scenario.
        units.sort_by_key(|unit| std::cmp::Reverse(self.agreements.first(*unit)));
        let mut branches: Vec<Branch> = Vec::new();
        for unit in units {
            let until = |branch: &Branch| self.agreements.until(branch.leader, unit);
            match branches.iter_mut().map(|branch| (until(branch), branch)).find(|(until, _)| *until > since) {
                Some((until, branch)) => branch.followers.push((until, unit)),
                None => branches.push(Branch { leader: unit, followers: Vec::new() }),
            }
        }
        branches
    }

    /// Plays a branch from the first instant on; its progress up to `told` has been told.
    fn grow_from_start<'scope>(&'scope self, scope: &Scope<'scope>, branch: Branch, told: u64) {
        let mut run = Run::new(&self.units[branch.leader], self.settings, self.more.clone());
        run.keep_silent_to(told);
        self.grow(scope, branch, run);
    }

    /// Plays a branch to its end; whoever leaves it on the way becomes a branch of its own.
    fn grow<'scope>(&'scope self, scope: &Scope<'scope>, mut branch: Branch, mut run: Run<S>) {
        let leader = &self.units[branch.leader];
        while let Some(parting) = branch.followers.iter().map(|(until, _)| *until).min() {
            if parting == SimTime::MAX {
                break;
            }
            let last = (parting.as_nanos() - 1).saturating_sub(leader.arm.model.duration.as_nanos() / EARLY);
            run.go_on_to(last.max(run.reached()), leader, self.settings, branch.followers.len() + 1);
            let leaving = branch.followers.extract_if(.., |(until, _)| *until == parting);
            let leaving = leaving.map(|(_, unit)| unit).collect();
            for leaving in self.kin(leaving, parting) {
                run = self.part(scope, leaving, run);
            }
        }
        let same = branch.followers.len() + 1;
        let summary = run.go_on_to(leader.arm.model.duration.as_nanos(), leader, self.settings, same);
        for (_, unit) in branch.followers {
            let at = run.reached();
            match run.clone().fork(&self.units[unit]) {
                Some(own) => self.deliver(unit, own.finish(&self.units[unit], summary)),
                None => self.grow_from_start(scope, Branch { leader: unit, followers: Vec::new() }, at),
            }
        }
        self.deliver(branch.leader, run.finish(leader, summary));
    }

    /// A branch leaves the run `from`, which is given back: at once while few states wait, else it goes first.
    fn part<'scope>(&'scope self, scope: &Scope<'scope>, branch: Branch, from: Run<S>) -> Run<S> {
        let most = rayon::current_num_threads() * WAITING_PER_THREAD;
        if rayon::current_num_threads() == 1 || self.waiting.load(Ordering::Relaxed) >= most {
            self.leave(scope, branch, from.clone());
            return from;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let state = from.clone();
        scope.spawn(move |scope| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.leave(scope, branch, state);
        });
        from
    }

    fn leave<'scope>(&'scope self, scope: &Scope<'scope>, branch: Branch, state: Run<S>) {
        let at = state.reached();
        match state.fork(&self.units[branch.leader]) {
            Some(run) => self.grow(scope, branch, run),
            None => self.grow_from_start(scope, branch, at),
        }
    }

    fn deliver(&self, unit: usize, result: (RunReport, S)) {
        *self.results[unit].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

//! Requests and the calls made for them, as trees that live until their root ends: who waits for whom, which call
//! failed its caller, and which calls an answer had to wait for.
//!
//! A record of a request names the record of its arrival as its cause, so one table finds them all. Memory is that of
//! pending trees; a record costs one look-up, and a tree is walked once, when it is over.

use std::collections::BTreeMap;

use sim_core::model::call_graph::BASE_BITS;
use sim_core::model::ids::PodId;
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Record, RecordId};

use super::chains::{Chains, FaultSet};
use super::critical_path::Band;
use super::leaves::{RootFailure, Verdict};
use super::pending::Pending;
use crate::spread::SpreadMap;

/// No node.
const NONE: u32 = u32::MAX;

/// A request in a tree.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The record of its arrival.
    record: RecordId,
    /// What is known of it.
    request: Pending,
    /// When it ended, ns.
    end: u64,
    path: u32,
    /// The pod that makes it, for a caller that is a pod.
    client: u32,
    /// Which of its caller's attempts it is made for.
    attempt: u8,
    /// Its own attempts so far.
    attempts: u8,
    /// The first of them that has not failed.
    first_live: u8,
    /// Someone's failure waits for the end of this one.
    blamed: bool,
    /// Bits of its number that tell copies apart.
    copy: u32,
    parent: u32,
    /// Neighbours among the parent's pending children; `next` also links the ended ones.
    next: u32,
    previous: u32,
    /// Its pending children, the newest first.
    pending: u32,
    /// Its ended children, the one that ended last first.
    ended: u32,
    /// The record of its end and what brought it down, once it has failed.
    failure: Option<(RecordId, Verdict)>,
}

/// Who waits to hear why a request that had not ended yet did not come back.
#[derive(Clone, Copy, Debug)]
enum Waiter {
    /// A failed request, by the record of its end.
    Call(RecordId),
    /// A failed root.
    Root(RootFailure),
}

/// A request that has ended, as the caller of [`Trees::ended`] needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndOf {
    /// Its number among the nodes, for [`Trees::release`].
    node: u32,
    /// What was known of it.
    pub(super) request: Pending,
    /// What brought it down, for a failed one.
    pub(super) verdict: Option<Verdict>,
}

/// All pending trees.
#[derive(Clone, Debug, Default)]
pub(super) struct Trees {
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// Pending requests by the record of their arrival, failed ones of pending trees by that of their end.
    index: SpreadMap<RecordId, u32>,
    /// By the record of the arrival of who is waited for.
    waiters: BTreeMap<RecordId, Vec<Waiter>>,
    /// Failed roots whose verdict is known now.
    judged: Vec<RootFailure>,
    /// Kept for its room.
    walk: Vec<(u32, bool)>,
}

impl Trees {
    /// A request arrives; `record.cause` is its caller's request.
    pub(super) fn arrived(&mut self, record: &Record, path: u32, number: u64, client: Client, request: Pending) {
        let parent = self.find(record.cause).unwrap_or(NONE);
        let copy = u32::try_from(number >> BASE_BITS).unwrap_or(0);
        let mut node = Node {
            record: record.id,
            request,
            end: request.arrival,
            path,
            client: if let Client::Pod(pod) = client { pod.0 } else { NONE },
            attempt: 0,
            attempts: 1,
            first_live: 0,
            blamed: false,
            copy,
            parent,
            next: NONE,
            previous: NONE,
            pending: NONE,
            ended: NONE,
            failure: None,
        };
        if let Some(caller) = self.nodes.get(parent as usize) {
            node.attempt = attempt_of(copy ^ caller.copy);
            node.next = caller.pending;
        }
        let next = node.next;
        let place = self.insert(node);
        if let Some(next) = self.nodes.get_mut(next as usize) {
            next.previous = place;
        }
        if let Some(caller) = self.nodes.get_mut(parent as usize) {
            caller.pending = place;
        }
        self.index.insert(record.id, place);
    }

    fn insert(&mut self, node: Node) -> u32 {
        if let Some(place) = self.free.pop() {
            self.nodes[place as usize] = node;
            return place;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 requests are pending")
    }

    /// The pending request whose arrival is `record`.
    pub(super) fn get_mut(&mut self, record: RecordId) -> Option<&mut Pending> {
        let place = self.find(record)?;
        Some(&mut self.nodes[place as usize].request)
    }

    /// The pending request whose arrival is `record`; 0 is no record.
    fn find(&self, record: RecordId) -> Option<u32> {
        let place = *self.index.get(&record).filter(|_| record != 0)?;
        // A failed request stands under the record of its end.
        (self.nodes[place as usize].record == record).then_some(place)
    }

    /// Another attempt of a request begins; after a failure all earlier ones are over.
    pub(super) fn attempt(&mut self, record: RecordId, after_failure: bool) {
        let Some(place) = self.find(record) else { return };
        let node = &mut self.nodes[place as usize];
        if after_failure {
            node.first_live = node.attempts;
        }
        node.attempts = node.attempts.saturating_add(1);
    }

    /// Pending requests: path, and what is known of each.
    pub(super) fn pending(&self) -> impl Iterator<Item = (u32, Pending)> {
        let is_pending = |(node, place): &(&Node, u32)| self.index.get(&node.record) == Some(place);
        self.nodes.iter().zip(0_u32..).filter(is_pending).map(|(node, _)| (node.path, node.request))
    }

    /// How many requests are kept, pending or not.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        assert!(self.index.len() <= self.nodes.len() - self.free.len() && self.waiters.is_empty());
        self.nodes.len() - self.free.len()
    }

    /// A request ends; [`Trees::release`] must follow.
    pub(super) fn ended(
        &mut self,
        record: &Record,
        outcome: Outcome,
        pod: Option<PodId>,
        chains: &mut Chains,
    ) -> Option<EndOf> {
        let node = self.find(record.cause)?;
        self.index.remove(&record.cause);
        if let Some(pod) = pod {
            self.nodes[node as usize].request.pod = pod.0;
        }
        let failed = outcome != Outcome::Ok;
        let verdict = failed.then(|| self.judge(node, record, outcome, chains));
        let state = &mut self.nodes[node as usize];
        state.end = record.time.as_nanos();
        state.failure = verdict.map(|verdict| (record.id, verdict));
        self.unlink(node);
        // Whoever it called is nobody's child any more.
        let mut child = std::mem::replace(&mut self.nodes[node as usize].pending, NONE);
        while child != NONE {
            let state = &mut self.nodes[child as usize];
            (state.parent, state.previous) = (NONE, NONE);
            child = std::mem::replace(&mut state.next, NONE);
        }
        if self.nodes[node as usize].blamed {
            self.tell_waiters(node);
        }
        Some(EndOf { node, request: self.nodes[node as usize].request, verdict })
    }

    /// What brought a request down: the call that its end names, or one that it still waited for, or itself.
    fn judge(&self, node: u32, record: &Record, outcome: Outcome, chains: &mut Chains) -> Verdict {
        let called = self.index.get(&record.because).map(|place| self.nodes[*place as usize]);
        if let Some((_, verdict)) = called.and_then(|called| called.failure) {
            return verdict;
        }
        let Node { path, request, .. } = self.nodes[node as usize];
        let faults = chains.of(record);
        let verdict = Verdict { path, outcome, record: record.id, pod: request.pod, faults, waits: 0 };
        if outcome != Outcome::RequestTimeout || faults != FaultSet::EMPTY {
            return verdict;
        }
        match self.waited_for(node) {
            Some(Node { path, request, record: waits, .. }) => {
                Verdict { path, pod: request.pod, record: 0, waits, ..verdict }
            }
            None => verdict,
        }
    }

    /// The request at the end of the chain of calls that a request waits for; of calls at once the oldest.
    fn waited_for(&self, node: u32) -> Option<Node> {
        let (mut found, mut above) = (None, self.nodes[node as usize]);
        loop {
            let mut oldest = None;
            let mut child = above.pending;
            while let Some(state) = self.nodes.get(child as usize) {
                if state.attempt >= above.first_live {
                    oldest = Some(*state);
                }
                child = state.next;
            }
            let Some(next) = oldest else { return found };
            (found, above) = (oldest, next);
        }
    }

    /// Takes a pending node out of its parent's list.
    fn unlink(&mut self, node: u32) {
        let Node { parent, next, previous, .. } = self.nodes[node as usize];
        if let Some(state) = self.nodes.get_mut(next as usize) {
            state.previous = previous;
        }
        if let Some(state) = self.nodes.get_mut(previous as usize) {
            state.next = next;
        } else if let Some(state) = self.nodes.get_mut(parent as usize) {
            state.pending = next;
        }
        let state = &mut self.nodes[node as usize];
        (state.next, state.previous) = (NONE, NONE);
    }

    /// Keeps a call that has ended for its caller, if that one still waits for it; lets the whole tree go otherwise.
    /// Times of an ok root's critical path go to `band`.
    pub(super) fn release(&mut self, end: EndOf, edges: &[u32], band: Option<&mut Band>) {
        let node = self.nodes[end.node as usize];
        if let Some((record, verdict)) = node.failure {
            self.wait(verdict.waits, Waiter::Call(record));
        }
        let caller = self.nodes.get_mut(node.parent as usize).filter(|caller| node.attempt >= caller.first_live);
        let Some(caller) = caller else { return self.walk(end.node, edges, band) };
        self.nodes[end.node as usize].next = std::mem::replace(&mut caller.ended, end.node);
        if let Some((record, _)) = node.failure {
            self.index.insert(record, end.node);
        }
    }

    /// Follows an ok root's critical path back, and frees the nodes of its tree.
    fn walk(&mut self, root: u32, edges: &[u32], mut band: Option<&mut Band>) {
        let mut walk = std::mem::take(&mut self.walk);
        walk.push((root, band.is_some()));
        while let Some((place, on_path)) = walk.pop() {
            let node = self.nodes[place as usize];
            let (mut reached, mut own, mut child) = (node.end, 0, node.ended);
            while child != NONE {
                let state = self.nodes[child as usize];
                let awaited = on_path && state.end <= reached && node.waited(&state);
                if awaited {
                    own += reached - state.end;
                    reached = state.request.arrival;
                }
                walk.push((child, awaited));
                child = state.next;
            }
            if let (true, Some(band), Some(edge)) = (on_path, band.as_deref_mut(), edges.get(node.path as usize)) {
                own += reached.saturating_sub(node.request.arrival);
                band.add(*edge, own, node.end.saturating_sub(node.request.arrival));
            }
            if let Some((record, _)) = node.failure {
                self.index.remove(&record);
            }
            self.free.push(place);
        }
        self.walk = walk;
    }

    /// A root failed; its verdict counts once nothing of it is open, see [`Trees::judged`].
    pub(super) fn root_failed(&mut self, failure: RootFailure) {
        self.wait(failure.verdict.waits, Waiter::Root(failure));
    }

    /// Failed roots whose verdict has become known since the last time.
    pub(super) fn judged(&mut self) -> Option<RootFailure> {
        self.judged.pop()
    }

    /// Failed roots that still wait for the end of a call.
    pub(super) fn undecided(&self) -> impl Iterator<Item = &RootFailure> {
        self.waiters.values().flatten().filter_map(|waiter| match waiter {
            Waiter::Root(failure) => Some(failure),
            Waiter::Call(_) => None,
        })
    }

    fn wait(&mut self, record: RecordId, waiter: Waiter) {
        match (self.find(record), waiter) {
            (Some(place), _) => {
                self.nodes[place as usize].blamed = true;
                self.waiters.entry(record).or_default().push(waiter);
            }
            (None, Waiter::Root(failure)) => self.judged.push(failure),
            (None, Waiter::Call(_)) => {}
        }
    }

    /// A request that others waited for has ended: how is the verdict on them.
    fn tell_waiters(&mut self, node: u32) {
        let Node { record, failure, .. } = self.nodes[node as usize];
        for waiter in self.waiters.remove(&record).unwrap_or_default() {
            match waiter {
                Waiter::Call(end) => {
                    let place = self.index.get(&end).copied().unwrap_or(NONE);
                    let known = self.nodes.get_mut(place as usize).and_then(|state| state.failure.as_mut());
                    if let Some((_, verdict)) = known {
                        verdict.settle(failure);
                        let waits = verdict.waits;
                        self.wait(waits, waiter);
                    }
                }
                Waiter::Root(mut root) => {
                    root.verdict.settle(failure);
                    self.root_failed(root);
                }
            }
        }
    }
}

impl Node {
    /// True when this request's answer had to wait for a call of it: one of the attempt that brought the answer, or
    /// of one that had failed before.
    fn waited(&self, call: &Self) -> bool {
        let (server, caller) = (self.request.pod, call.client);
        call.attempt < self.first_live || server == caller || server == NONE || caller == NONE
    }
}

impl Verdict {
    /// The request that was waited for has ended; one that ended well was only slow.
    fn settle(&mut self, failure: Option<(RecordId, Self)>) {
        match failure {
            Some((_, verdict)) => *self = verdict,
            None => self.waits = 0,
        }
    }
}

/// Which attempt of its caller a call is made for: the one group of four bits in which their numbers' tops differ.
fn attempt_of(difference: u32) -> u8 {
    let group = difference.trailing_zeros() / 4 * 4;
    u8::try_from(difference.checked_shr(group).unwrap_or(0) & 15).unwrap_or(0)
}

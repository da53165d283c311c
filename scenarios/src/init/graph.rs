//! Who asks whom, guessed from clues. Knows no scenario: an edge is a guess, and one left out says why.

use std::collections::{BTreeMap, BTreeSet};

use super::clues::{Mention, mentions};
use super::reach::{Reach, Wanted};
use crate::draft::{Draft, DraftWorkload};

/// A workload asks a Service.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) service: usize,
    pub(super) port: u16,
    /// The workloads behind that port.
    pub(super) to: Vec<usize>,
    /// The clue, in the file's words.
    pub(super) why: String,
}

/// A clue that leads to no edge.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    pub(super) from: usize,
    /// The Service that it means, if that is in the files.
    pub(super) service: Option<usize>,
    pub(super) clue: String,
    pub(super) why: String,
}

/// All edges.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) edges: Vec<Edge>,
    pub(super) left_out: Vec<LeftOut>,
    /// The places of these by the workload that they start at.
    edges_from: BTreeMap<usize, Vec<usize>>,
    left_out_from: BTreeMap<usize, Vec<usize>>,
}

impl Graph {
    /// Guesses the edges of every workload that has pods.
    pub(super) fn of(reach: &Reach<'_>) -> Self {
        let mut graph = Self::default();
        let workloads = reach.draft.workloads.iter().enumerate();
        for (from, workload) in workloads.filter(|(_, workload)| workload.replicas > 0) {
            for mention in mentions(&workload.clues) {
                graph.follow(reach, (from, workload), &mention);
            }
            let links = workload.clues.links.iter().map(|(name, _)| (name, "links"));
            let waits = workload.clues.depends_on.iter().map(|name| (name, "depends_on"));
            for (name, key) in links.chain(waits) {
                if let Some(service) = reach.service_of(workload, name)
                    && !graph.knows(from, service)
                {
                    graph.add(reach, (from, service), Wanted::First, &format!("{key}: {name}"));
                }
            }
        }
        graph
    }

    /// The same without the edges that close a cycle; those nearer to where requests come in stay.
    pub(super) fn without_cycles(self, draft: &Draft, starts: &[usize]) -> Self {
        let mut order = self.reached_from(starts);
        let reached: BTreeSet<usize> = order.iter().copied().collect();
        order.extend((0..draft.workloads.len()).filter(|index| !reached.contains(index)));
        let mut kept = Self::default();
        self.left_out.iter().for_each(|clue| kept.push_left_out(clue.clone()));
        for edge in order.iter().flat_map(|from| self.from(*from)) {
            if kept.reached_from(&edge.to).contains(&edge.from) {
                let name = &draft.services[edge.service].name;
                let why = format!("it would close a cycle: Service {name} leads back here");
                kept.leave_out(edge.from, Some(edge.service), &edge.why, why);
            } else {
                kept.push_edge(edge.clone());
            }
        }
        kept
    }

    /// The edges that start at a workload.
    pub(super) fn from(&self, workload: usize) -> impl Iterator<Item = &Edge> {
        self.edges_from.get(&workload).into_iter().flatten().map(|place| &self.edges[*place])
    }

    /// The clues of a workload that lead to no edge.
    fn left_out_of(&self, workload: usize) -> impl Iterator<Item = &LeftOut> {
        self.left_out_from.get(&workload).into_iter().flatten().map(|place| &self.left_out[*place])
    }

    fn push_edge(&mut self, edge: Edge) {
        self.edges_from.entry(edge.from).or_default().push(self.edges.len());
        self.edges.push(edge);
    }

    fn push_left_out(&mut self, clue: LeftOut) {
        self.left_out_from.entry(clue.from).or_default().push(self.left_out.len());
        self.left_out.push(clue);
    }

    /// True when a workload seems to ask anybody in the files, whether or not that becomes an edge.
    pub(super) fn asks(&self, workload: usize) -> bool {
        let unmet = self.left_out_of(workload).any(|clue| clue.service.is_some());
        unmet || self.from(workload).next().is_some()
    }

    /// Every workload that requests to the given ones lead to, those included.
    pub(super) fn reached_from(&self, starts: &[usize]) -> Vec<usize> {
        let mut reached = starts.to_vec();
        let mut known: BTreeSet<usize> = starts.iter().copied().collect();
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            reached.extend(self.from(at).flat_map(|edge| &edge.to).filter(|to| known.insert(**to)));
            next += 1;
        }
        reached
    }

    fn knows(&self, from: usize, service: usize) -> bool {
        let left_out = || self.left_out_of(from).any(|clue| clue.service == Some(service));
        self.from(from).any(|edge| edge.service == service) || left_out()
    }

    fn follow(&mut self, reach: &Reach<'_>, (from, workload): (usize, &DraftWorkload), mention: &Mention) {
        let wanted = mention.port.map_or(Wanted::First, Wanted::Number);
        match reach.service_of(workload, &mention.host) {
            Some(service) => self.add(reach, (from, service), wanted, &mention.written),
            None if mention.certain && is_local(&mention.host) => {
                let why = format!("there is no Service {} in these files", mention.host);
                self.leave_out(from, None, &mention.written, why);
            }
            None => {}
        }
    }

    fn add(&mut self, reach: &Reach<'_>, (from, service): (usize, usize), wanted: Wanted, clue: &str) {
        let reached = match reach.dial(service, wanted) {
            Ok(reached) => reached,
            Err(why) => return self.leave_out(from, Some(service), clue, why),
        };
        let port = reached.port.port;
        if self.from(from).any(|edge| (edge.service, edge.port) == (service, port)) {
            return;
        }
        if reached.backends.contains(&from) {
            let why = format!("it stands behind Service {} itself", reach.draft.services[service].name);
            return self.leave_out(from, Some(service), clue, why);
        }
        let why = match wanted {
            Wanted::Number(_) => clue.to_owned(),
            Wanted::First => format!("{clue}, and {port} is its first port"),
        };
        self.push_edge(Edge { from, service, port, to: reached.backends, why });
    }

    fn leave_out(&mut self, from: usize, service: Option<usize>, clue: &str, why: String) {
        if !self.left_out_of(from).any(|known| known.why == why) {
            self.push_left_out(LeftOut { from, service, clue: clue.to_owned(), why });
        }
    }
}

/// True for a name that only the cluster's DNS can know.
fn is_local(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() == 1 || labels.get(2) == Some(&"svc")
}

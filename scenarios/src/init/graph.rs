//! Who asks whom, guessed from clues. Knows no scenario: an edge is a guess, and one left out says why.

use super::clues::{Mention, mentions};
use super::reach::{Wanted, dial};
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
}

impl Graph {
    /// Guesses the edges of every workload that has pods.
    pub(super) fn of(draft: &Draft) -> Self {
        let mut graph = Self::default();
        for (from, workload) in draft.workloads.iter().enumerate().filter(|(_, workload)| workload.replicas > 0) {
            for mention in mentions(&workload.clues) {
                graph.follow(draft, from, workload, &mention);
            }
            let links = workload.clues.links.iter().map(|(name, _)| (name, "links"));
            let waits = workload.clues.depends_on.iter().map(|name| (name, "depends_on"));
            for (name, key) in links.chain(waits) {
                if let Some(service) = service_of(draft, workload, name)
                    && !graph.knows(from, service)
                {
                    graph.add(draft, from, service, Wanted::First, &format!("{key}: {name}"));
                }
            }
        }
        graph
    }

    /// The same without the edges that close a cycle; those nearer to where requests come in stay.
    pub(super) fn without_cycles(self, draft: &Draft, starts: &[usize]) -> Self {
        let mut order = self.reached_from(starts);
        order.extend((0..draft.workloads.len()).filter(|index| !order.contains(index)).collect::<Vec<_>>());
        let mut kept = Self { edges: Vec::new(), left_out: self.left_out.clone() };
        for edge in order.iter().flat_map(|from| self.from(*from)) {
            if kept.reached_from(&edge.to).contains(&edge.from) {
                let name = &draft.services[edge.service].name;
                let why = format!("it would close a cycle: Service {name} leads back here");
                kept.leave_out(edge.from, Some(edge.service), &edge.why, why);
            } else {
                kept.edges.push(edge.clone());
            }
        }
        kept
    }

    /// The edges that start at a workload.
    pub(super) fn from(&self, workload: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.from == workload)
    }

    /// True when a workload seems to ask anybody in the files, whether or not that becomes an edge.
    pub(super) fn asks(&self, workload: usize) -> bool {
        let unmet = self.left_out.iter().any(|clue| clue.from == workload && clue.service.is_some());
        unmet || self.from(workload).next().is_some()
    }

    /// Every workload that requests to the given ones lead to, those included.
    pub(super) fn reached_from(&self, starts: &[usize]) -> Vec<usize> {
        let mut reached = starts.to_vec();
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            for to in self.from(at).flat_map(|edge| &edge.to) {
                if !reached.contains(to) {
                    reached.push(*to);
                }
            }
            next += 1;
        }
        reached
    }

    fn knows(&self, from: usize, service: usize) -> bool {
        let clue = |clue: &LeftOut| clue.from == from && clue.service == Some(service);
        self.from(from).any(|edge| edge.service == service) || self.left_out.iter().any(clue)
    }

    fn follow(&mut self, draft: &Draft, from: usize, workload: &DraftWorkload, mention: &Mention) {
        let wanted = mention.port.map_or(Wanted::First, Wanted::Number);
        match service_of(draft, workload, &mention.host) {
            Some(service) => self.add(draft, from, service, wanted, &mention.written),
            None if mention.certain && is_local(&mention.host) => {
                let why = format!("there is no Service {} in these files", mention.host);
                self.leave_out(from, None, &mention.written, why);
            }
            None => {}
        }
    }

    fn add(&mut self, draft: &Draft, from: usize, service: usize, wanted: Wanted, clue: &str) {
        let reached = match dial(draft, service, wanted) {
            Ok(reached) => reached,
            Err(why) => return self.leave_out(from, Some(service), clue, why),
        };
        let port = reached.port.port;
        if self.from(from).any(|edge| (edge.service, edge.port) == (service, port)) {
            return;
        }
        if reached.backends.contains(&from) {
            let why = format!("it stands behind Service {} itself", draft.services[service].name);
            return self.leave_out(from, Some(service), clue, why);
        }
        let why = match wanted {
            Wanted::Number(_) => clue.to_owned(),
            Wanted::First => format!("{clue}, and {port} is its first port"),
        };
        self.edges.push(Edge { from, service, port, to: reached.backends, why });
    }

    fn leave_out(&mut self, from: usize, service: Option<usize>, clue: &str, why: String) {
        if !self.left_out.iter().any(|known| known.from == from && known.why == why) {
            self.left_out.push(LeftOut { from, service, clue: clue.to_owned(), why });
        }
    }
}

/// The Service that a workload means by a host: an alias, `NAME`, `NAME.NAMESPACE`, `NAME.NAMESPACE.svc...` or a
/// clusterIP.
fn service_of(draft: &Draft, workload: &DraftWorkload, host: &str) -> Option<usize> {
    let alias = workload.clues.links.iter().find(|(_, alias)| alias == host).map(|(name, _)| name.as_str());
    let mut labels = alias.unwrap_or(host).split('.');
    let name = labels.next()?;
    let namespace = labels.next().unwrap_or(&workload.namespace);
    let cluster = labels.next().is_none_or(|label| label == "svc");
    let address = host.parse().ok();
    draft.services.iter().position(|service| {
        (cluster && service.name == name && service.namespace == namespace)
            || (address.is_some() && service.cluster_ip == address)
    })
}

/// True for a name that only the cluster's DNS can know.
fn is_local(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() == 1 || labels.get(2) == Some(&"svc")
}

//! The records that chains run through: everything but requests, connections and segments. Grows with changes of the
//! cluster, never with requests.

use sim_core::trace::{Body, Record, RecordId};

use super::Step;
use super::words::sentence;
use crate::trace_io::Names;

/// A chain of more links is cut: none of a run comes near, but a damaged file may hold anything.
const LONGEST: usize = 64;

/// Remembers the control plane's records of a run and tells chains through them.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order of their numbers.
    records: Vec<Record>,
}

impl History {
    /// Remembers a record, unless it is of a request, a connection or a segment.
    pub fn learn(&mut self, record: &Record) {
        // Records of a whole trace come in order; those of a damaged one are looked up in vain.
        if is_remembered(&record.body) {
            self.records.push(*record);
        }
    }

    /// Remembers a record of any kind, which may have come before others that are remembered.
    pub(crate) fn insert(&mut self, record: Record) {
        if let Err(place) = self.records.binary_search_by_key(&record.id, |known| known.id) {
            self.records.insert(place, record);
        }
    }

    /// The records that are remembered, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The remembered record with this number.
    pub fn get(&self, id: RecordId) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&id, |record| record.id).ok()?;
        self.records.get(place)
    }

    /// The chain that starts with the record `id`: each link is what decided the one before it, or else triggered it. It
    /// ends at a root, or where a record is not remembered; empty when `id` itself is not.
    pub fn chain(&self, id: RecordId) -> Vec<&Record> {
        let mut chain = Vec::new();
        let mut next = self.get(id);
        while let Some(record) = next.filter(|_| chain.len() < LONGEST) {
            chain.push(record);
            let cause = || self.get(record.cause).filter(|cause| cause.id < record.id);
            next = self.get(record.because).filter(|because| because.id < record.id).or_else(cause);
        }
        chain
    }

    /// That chain in words.
    pub fn tell(&self, id: RecordId, names: &Names) -> Vec<Step> {
        self.chain(id).into_iter().map(|record| step(record, names)).collect()
    }

    /// The last link of the chain that starts with `id`.
    pub fn root(&self, id: RecordId) -> Option<&Record> {
        self.chain(id).pop()
    }
}

/// A record as a link of a chain.
pub(crate) fn step(record: &Record, names: &Names) -> Step {
    Step { time: record.time.as_nanos(), kind: record.body.kind(), words: sentence(&record.body, names) }
}

/// True for records of the control plane, of faults and of actions.
#[rustfmt::skip] // a list of names, packed
pub(crate) fn is_remembered(body: &Body) -> bool {
    !matches!(
        body,
        Body::RequestArrived { .. } | Body::RequestEnded { .. } | Body::RequestRetried { .. } | Body::RequestHedged { .. }
        | Body::NameResolved { .. } | Body::ConnectionReused { .. } | Body::ConnectionOpened { .. }
        | Body::ConnectionAccepted { .. } | Body::ResponseSent { .. } | Body::ConnectionClosed { .. }
        | Body::SegmentSent { .. } | Body::SegmentDropped { .. } | Body::SegmentReceived { .. } | Body::SocketOpened { .. }
        | Body::BackendOffered { .. } | Body::BackendChosen { .. } | Body::AddressTranslated { .. }
        | Body::ConntrackEntered { .. } | Body::ConntrackPeak { .. } | Body::WindowCut { .. } | Body::FlowOpened { .. }
        | Body::ConntrackDeleted { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Builder, S, header};
    use sim_core::model::ids::{FaultId, NodeId, PodId};
    use sim_core::trace::words::Outcome;

    #[test]
    fn a_chain_ends_at_its_root_and_reads_as_sentences() {
        let mut run = Builder::cluster();
        run.at(60 * S);
        let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
        run.request(0, 61 * S, Some(1), Some((63 * S, Outcome::ConnectTimeout, down)));
        run.at(105 * S);
        let lost = run.add(down, 0, Body::NodeNotReady { node: NodeId(2) });
        let pod = run.add(lost, fault, Body::PodNotReady { pod: PodId(1) });
        let (mut history, mut names) = (History::default(), Names::new(&header()));
        for record in &run.records {
            history.learn(record);
            names.learn(record);
        }
        let words: Vec<String> = history.tell(lost, &names).into_iter().map(|step| step.words).collect();
        assert_eq!(words, ["node-2 has been silent for too long", "node-2 stops", "lost-node begins"]);
        // What decided a record comes before what triggered it.
        assert_eq!(history.chain(pod).iter().map(|record| record.id).collect::<Vec<_>>(), [pod, fault]);
        assert_eq!(history.root(lost).map(|record| record.id), Some(fault));
        assert!(history.chain(u64::MAX).is_empty());
        let requests = history.records().iter().filter(|record| record.body.kind().starts_with("request"));
        assert_eq!(requests.count(), 0);
    }

    #[test]
    fn a_record_that_names_itself_ends_its_chain() {
        let mut run = Builder::default();
        run.add(1, 1, Body::NodeDown { node: NodeId(2) });
        let mut history = History::default();
        history.learn(&run.records[0]);
        assert_eq!(history.chain(1).len(), 1);
    }
}

//! What is kept of a run with a probe: the probe's own records, and those of the control plane and of faults, which say
//! why something happened.

use std::collections::BTreeMap;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::SourceId;
use sim_core::trace::{Body, Record, RecordId, TraceHeader, TraceSink};

use super::places::Places;

/// The records of one probe and what stands around it.
#[derive(Clone, Debug)]
pub struct Watch {
    probe: SourceId,
    pub(super) places: Places,
    /// The probe's records in order.
    pub(super) own: Vec<Record>,
    /// Records of no request.
    pub(super) others: BTreeMap<RecordId, Record>,
    ended: bool,
}

impl Watch {
    /// Watches the probe with this number in a run with this header.
    pub fn new(header: &TraceHeader, probe: SourceId) -> Self {
        let places = Places::new(header, SimTime::MAX);
        Self { probe, places, own: Vec::new(), others: BTreeMap::new(), ended: false }
    }

    /// True when the probe's request has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

/// The source a record belongs to, if it is one of a request.
#[allow(clippy::wildcard_enum_match_arm)] // every other record says how things stand, for whomever
fn source_of(body: &Body) -> Option<SourceId> {
    match *body {
        Body::RequestArrived { source, .. }
        | Body::RequestEnded { source, .. }
        | Body::ConnectionOpened { source, .. }
        | Body::ConnectionAccepted { source, .. }
        | Body::ResponseSent { source, .. }
        | Body::ConnectionClosed { source, .. }
        | Body::SegmentSent { source, .. }
        | Body::SegmentDropped { source, .. }
        | Body::SegmentReceived { source, .. }
        | Body::SocketOpened { source, .. }
        | Body::BackendOffered { source, .. }
        | Body::BackendChosen { source, .. }
        | Body::AddressTranslated { source, .. }
        | Body::ConntrackEntered { source, .. } => Some(source),
        _ => None,
    }
}

impl TraceSink for Watch {
    fn record(&mut self, record: &Record) {
        match source_of(&record.body) {
            None => {
                self.places.record(record);
                self.others.insert(record.id, *record);
            }
            Some(source) if source == self.probe && !self.ended => {
                self.own.push(*record);
                self.ended = matches!(record.body, Body::RequestEnded { .. });
            }
            Some(_) => {}
        }
    }
}

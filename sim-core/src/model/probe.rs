//! A probe: one more request in a model, whose way through the network is recorded in full.
//! It is an ordinary source of traffic, so it moves no draw of the others (law 4).

use super::application::{Origin, Source, Target};
use super::call::Call;
use super::ids::SourceId;
use super::settings::Front;
use super::{Model, ModelError};
use crate::kernel::time::SimDuration;
use crate::workload::arrivals::{ArrivalProcess, Gap, Pacing};

/// How the name of the source that a probe is begins; its time follows, so that each time has draws of its own.
const PROBE: &str = "podwire-curl@";

/// One request at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where it starts.
    pub from: Origin,
    /// Where it goes.
    pub to: Target,
    /// When, after the run's start.
    pub at: SimDuration,
    /// Payload of the request in bytes.
    pub request_bytes: u64,
    /// Payload of the response in bytes.
    pub response_bytes: u64,
    /// The client gives the connect up after this time; `None` leaves it to the kernel.
    pub connect_timeout: Option<SimDuration>,
    /// The client gives the request up after this time.
    pub timeout: SimDuration,
}

/// One arrival, at the source's start.
#[derive(Clone, Debug, PartialEq)]
struct Once;

impl ArrivalProcess for Once {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, number: u64, _draw: u64) -> Gap {
        Gap::SinceStart(if number == 0 { SimDuration::ZERO } else { SimDuration::MAX })
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

impl Model {
    /// The same model with a probe as its last source; all problems at once.
    pub fn with_probe(&self, probe: &Probe) -> Result<Self, Vec<ModelError>> {
        let Probe { from, to, at, request_bytes, response_bytes, connect_timeout, timeout } = *probe;
        let mut parts = self.parts.clone();
        parts.sources.push(Source {
            name: format!("{PROBE}{at}"),
            from,
            call: Call { connect_timeout, timeout: Some(timeout), ..Call::plain(to, request_bytes, response_bytes) },
            front: Front::default(),
            arrivals: Box::new(Once),
            start: at,
            stop: at + SimDuration::from_nanos(1),
        });
        let number = SourceId::from_index(parts.sources.len() - 1);
        Self::new(parts).map(|model| Self { probe: Some(number), ..model })
    }

    /// True for the source that a probe is: what nodes do to its addresses is recorded.
    pub fn is_probe(&self, source: SourceId) -> bool {
        self.probe == Some(source)
    }

    /// The source that a probe is, if the model has one.
    pub fn probe(&self) -> Option<SourceId> {
        self.probe
    }
}

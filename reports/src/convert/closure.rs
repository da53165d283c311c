//! A part of a trace in which every cause is there, too (law 7): nine bytes per record while it is found.
//! Knows no form.

use sim_core::trace::{Body, Record, RecordId};

use super::error::ConvertError;
use super::picker::Picker;
use crate::trace_io::TraceError;

/// The records of a part: what was picked, what names it, and all that caused or decided it.
pub(super) struct Closure {
    kept: Vec<bool>,
}

impl Closure {
    /// Reads a whole trace.
    pub(super) fn of(
        records: impl Iterator<Item = Result<Record, TraceError>>,
        mut picker: Picker,
    ) -> Result<Self, ConvertError> {
        let mut links: Vec<[u32; 2]> = vec![[0; 2]];
        let mut kept = vec![false];
        for record in records {
            let record = record?;
            picker.learn(&record);
            let place = usize::try_from(short(record.id)?).map_err(|_| ConvertError::TooLong)?;
            // Numbers that a level leaves out.
            links.resize(links.len().max(place + 1), [0; 2]);
            kept.resize(links.len(), false);
            links[place] = [short(record.cause)?, short(record.because)?];
            kept[place] = picker.picks(&record) || names_pods(&record.body);
        }
        // Causes come first, so one pass from the end to the start finds them all.
        for place in (1..links.len()).rev() {
            if kept[place] {
                for link in links[place] {
                    if let Some(cause) = kept.get_mut(link as usize) {
                        *cause = true;
                    }
                }
            }
        }
        Ok(Self { kept })
    }

    /// Whether a record belongs to the part.
    pub(super) fn holds(&self, record: RecordId) -> bool {
        usize::try_from(record).ok().and_then(|place| self.kept.get(place)).copied().unwrap_or(false)
    }
}

fn short(record: RecordId) -> Result<u32, ConvertError> {
    u32::try_from(record).map_err(|_| ConvertError::TooLong)
}

/// Without these, the pods of other records have no names.
fn names_pods(body: &Body) -> bool {
    matches!(body, Body::PodCreated { .. } | Body::TemplateUsed { .. })
}

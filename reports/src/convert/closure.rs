//! A part of a trace in which every cause is there, too (law 7): nine bytes per record while it is found.
//! Knows no form.

use sim_core::trace::record::FIRST_OF_SEGMENTS;
use sim_core::trace::{Body, Record, RecordId};

use super::error::ConvertError;
use super::picker::Picker;
use crate::trace_io::TraceError;

/// The records of a part: what was picked, what names it, and all that caused or decided it.
pub(super) struct Closure {
    kept: [Vec<bool>; 2],
}

/// Where a record stands: among those of the segment level, which are numbered apart, or among the others.
#[derive(Clone, Copy)]
struct Place {
    series: usize,
    index: usize,
}

impl Place {
    fn of(record: RecordId) -> Option<Self> {
        let (series, number) =
            record.checked_sub(FIRST_OF_SEGMENTS).map_or((OTHERS, record), |number| (SEGMENTS, number));
        let index = usize::try_from(number).ok().filter(|index| *index < MOST)?;
        Some(Self { series, index })
    }

    /// In half the room of a record's number.
    fn short(self) -> u32 {
        u32::try_from(self.series * MOST + self.index).expect("both are limited")
    }

    fn of_short(short: u32) -> Self {
        Self { series: short as usize / MOST, index: short as usize % MOST }
    }
}

const OTHERS: usize = 0;
const SEGMENTS: usize = 1;
/// Records of a series.
const MOST: usize = 1 << 31;

impl Closure {
    /// Reads a whole trace.
    pub(super) fn of(
        records: impl Iterator<Item = Result<Record, TraceError>>,
        mut picker: Picker,
    ) -> Result<Self, ConvertError> {
        let mut links: [Vec<[u32; 2]>; 2] = Default::default();
        let mut kept: [Vec<bool>; 2] = Default::default();
        let short = |record| Place::of(record).map(Place::short).ok_or(ConvertError::TooLong);
        for record in records {
            let record = record?;
            picker.learn(&record);
            let Place { series, index } = Place::of(record.id).ok_or(ConvertError::TooLong)?;
            // Numbers that a level leaves out.
            let length = links[series].len().max(index + 1);
            links[series].resize(length, [0; 2]);
            kept[series].resize(length, false);
            links[series][index] = [short(record.cause)?, short(record.because)?];
            kept[series][index] = picker.picks(&record) || names_pods(&record.body);
        }
        // Causes have lower numbers, so one pass from the end to the start finds them all.
        for series in [SEGMENTS, OTHERS] {
            for index in (0..links[series].len()).rev() {
                if kept[series][index] {
                    for cause in links[series][index].map(Place::of_short) {
                        if let Some(cause) = kept[cause.series].get_mut(cause.index) {
                            *cause = true;
                        }
                    }
                }
            }
        }
        Ok(Self { kept })
    }

    /// Whether a record belongs to the part.
    pub(super) fn holds(&self, record: RecordId) -> bool {
        let kept = Place::of(record).and_then(|place| self.kept[place.series].get(place.index));
        kept.copied().unwrap_or(false)
    }
}

/// Without these, the pods of other records have no names.
fn names_pods(body: &Body) -> bool {
    matches!(body, Body::PodCreated { .. } | Body::TemplateUsed { .. })
}

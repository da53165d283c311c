//! The digest of a trace: a ladder of one hash per simulated second, and one hash over header and ladder (law 6).

use serde::{Serialize, Serializer};
use sim_core::kernel::time::SimTime;
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

use super::block::Block;

/// A hash is several times faster on long inputs.
const HASHED_AT_ONCE: usize = 64 * 1_024;

/// One simulated second of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderRung {
    /// The second, from 0; seconds without records have no rung.
    pub second: u64,
    /// BLAKE3 of the canonical bytes of that second's records up to the connection level.
    pub hash: [u8; 32],
}

/// What a finished digest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDigest {
    /// BLAKE3 of the header's canonical bytes, then of each rung: its second (u64, little-endian) and its hash.
    pub hash: [u8; 32],
    /// The rungs in order.
    pub ladder: Vec<LadderRung>,
}

impl TraceDigest {
    /// The digest of a run with this header and these rungs.
    pub fn over(header: &TraceHeader, ladder: Vec<LadderRung>) -> Self {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        Self::over_bytes(&bytes, ladder)
    }

    fn over_bytes(header: &[u8], ladder: Vec<LadderRung>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(header);
        for rung in &ladder {
            hasher.update(&rung.second.to_le_bytes());
            hasher.update(&rung.hash);
        }
        Self { hash: *hasher.finalize().as_bytes(), ladder }
    }

    /// The digest as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.hash).to_hex().to_string()
    }

    /// The first second in which two runs differ; `None` when no second does.
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        let differing = self.ladder.iter().zip(&other.ladder).find(|(mine, theirs)| mine != theirs);
        if let Some((mine, theirs)) = differing {
            return Some(mine.second.min(theirs.second));
        }
        let longer = if self.ladder.len() > other.ladder.len() { &self.ladder } else { &other.ladder };
        longer.get(self.ladder.len().min(other.ladder.len())).map(|rung| rung.second)
    }
}

/// The digest of the whole, as its hexadecimal digits.
impl Serialize for TraceDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

/// Hashes canonical bytes second by second; knows no records.
#[derive(Clone)]
pub(super) struct Rungs {
    header: Vec<u8>,
    second: u64,
    hasher: blake3::Hasher,
    ladder: Vec<LadderRung>,
}

impl Rungs {
    /// Of a run with this header and, so far, no records.
    pub(super) fn new(header: &TraceHeader) -> Self {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        Self { header: bytes, second: 0, hasher: blake3::Hasher::new(), ladder: Vec::new() }
    }

    /// True when a record of this time is of another second than the bytes so far, which all must be hashed before it comes.
    #[inline]
    pub(super) fn ends_before(&self, time: SimTime) -> bool {
        time.second() != self.second
    }

    /// Hashes the next bytes of the present second.
    pub(super) fn hash(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Ends the present second, and begins that of this time.
    pub(super) fn go_on_at(&mut self, time: SimTime) {
        self.close();
        self.second = time.second();
    }

    /// The digest of all bytes so far.
    pub(super) fn finish(mut self) -> TraceDigest {
        self.close();
        TraceDigest::over_bytes(&self.header, self.ladder)
    }

    fn close(&mut self) {
        if self.hasher.count() > 0 {
            self.ladder.push(LadderRung { second: self.second, hash: *self.hasher.finalize().as_bytes() });
            self.hasher.reset();
        }
    }
}

/// Hashes the records it is given.
#[derive(Clone)]
pub struct DigestSink {
    rungs: Rungs,
    block: Block,
}

impl DigestSink {
    /// A digest of a run with this header and, so far, no records.
    pub fn new(header: &TraceHeader) -> Self {
        Self { rungs: Rungs::new(header), block: Block::new(HASHED_AT_ONCE) }
    }

    /// The same records under another header: what a run has in common with another one is hashed once.
    #[must_use]
    pub fn under(mut self, header: &TraceHeader) -> Self {
        self.rungs.header.clear();
        header.encode(&mut self.rungs.header);
        self
    }

    /// The digest of all records so far.
    pub fn finish(mut self) -> TraceDigest {
        self.hash_block();
        self.rungs.finish()
    }

    #[inline(never)]
    fn hash_block(&mut self) {
        self.rungs.hash(self.block.written());
        self.block.clear();
    }

    /// Begins another second. Away from where records are taken, which is often.
    #[cold]
    fn go_on_at(&mut self, time: SimTime) {
        self.hash_block();
        self.rungs.go_on_at(time);
    }
}

impl TraceSink for DigestSink {
    fn record(&mut self, record: &Record) {
        if record.body.level() > Level::Connection {
            return;
        }
        if self.rungs.ends_before(record.time) {
            self.go_on_at(record.time);
        }
        if self.block.add(record) {
            self.hash_block();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{every_kind, header, sample_records};
    use sim_core::trace::Body;

    fn digest(records: &[Record]) -> TraceDigest {
        let mut sink = DigestSink::new(&header());
        for record in records {
            sink.record(record);
        }
        sink.finish()
    }

    #[test]
    fn the_digest_of_a_small_trace_is_pinned() {
        insta::assert_snapshot!(digest(&sample_records()).hex(), @"a898a5225b53198f4fc8aa43ab807a4c98ca68b470b238c35c01741cf32bb90a");
    }

    #[test]
    fn the_ladder_is_what_the_law_says() {
        let records = sample_records();
        let digest = digest(&records);
        let mut head = Vec::new();
        header().encode(&mut head);
        for rung in &digest.ladder {
            let mut bytes = Vec::new();
            let of_second = |record: &&Record| record.time.second() == rung.second;
            records.iter().filter(of_second).for_each(|record| record.encode(&mut bytes));
            assert_eq!(rung.hash, *blake3::hash(&bytes).as_bytes());
            head.extend_from_slice(&rung.second.to_le_bytes());
            head.extend_from_slice(&rung.hash);
        }
        assert_eq!(digest.hash, *blake3::hash(&head).as_bytes());
    }

    #[test]
    fn every_field_of_every_kind_moves_the_digest() {
        let mut seen = std::collections::BTreeSet::new();
        let mut expected = 0;
        for variants in every_kind() {
            for record in variants {
                if record.body.level() > Level::Connection {
                    continue;
                }
                for changed in [
                    record,
                    Record { id: 99, ..record },
                    Record { time: SimTime::from_nanos(77), ..record },
                    Record { cause: 98, ..record },
                    Record { because: 97, ..record },
                ] {
                    assert!(seen.insert(digest(&[changed]).hash), "{changed:?}");
                    expected += 1;
                }
            }
        }
        assert_eq!(seen.len(), expected);
    }

    #[test]
    fn another_header_in_the_middle_gives_the_digest_of_that_header() {
        let records = sample_records();
        let other = TraceHeader { arm: "another".to_owned(), ..header() };
        let whole = records.iter().fold(DigestSink::new(&other), |mut sink, record| {
            sink.record(record);
            sink
        });
        let mut forked = DigestSink::new(&header());
        forked.record(&records[0]);
        let mut forked = forked.under(&other);
        records[1..].iter().for_each(|record| forked.record(record));
        assert_eq!(forked.finish(), whole.finish());
    }

    #[test]
    fn segments_do_not_count_and_the_first_differing_second_is_found() {
        let records = sample_records();
        let mut other = records.clone();
        other.last_mut().unwrap().cause += 1;
        assert_eq!(digest(&records).first_difference(&digest(&other)), Some(1));
        assert_eq!(digest(&records).first_difference(&digest(&records)), None);
        let mut with_segment = records.clone();
        let segment = every_kind().into_iter().flatten().find(|record| record.body.level() == Level::Segment).unwrap();
        assert!(matches!(segment.body, Body::SegmentSent { .. }));
        with_segment.push(segment);
        assert_eq!(digest(&records), digest(&with_segment));
    }
}

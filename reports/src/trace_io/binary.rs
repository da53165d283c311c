//! Binary traces: the header's canonical bytes, one byte for the level, the records' canonical bytes, an end mark.
//! The end mark (a zero byte and the number of records, u64 little-endian) tells a whole trace from a cut one.

use std::io::{Read, Write};

use sim_core::kernel::time::SimTime;
use sim_core::trace::header::TRACE_FORMAT;
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

use super::WRITTEN_AT_ONCE;
use super::block::Block;
use super::digest::{Rungs, TraceDigest};
use super::error::TraceError;

/// So much is read at once.
const BLOCK: usize = 64 * 1_024;

/// No record's canonical form is longer than this.
const LONGEST_RECORD: usize = 512;

/// Longest header that is read: an effective scenario is text that people wrote.
const LONGEST_HEADER: usize = 1 << 28;

/// The first bytes of every trace.
const MAGIC: &[u8] = b"podwire\0";

/// Writes the records up to a level in canonical form.
pub struct BinaryWriter<W: Write> {
    output: W,
    block: Block,
    /// So much of the block is in the digest.
    hashed: usize,
    level: Level,
    records: u64,
    digest: Option<Rungs>,
    error: Option<std::io::Error>,
}

impl<W: Write> BinaryWriter<W> {
    /// Writes the header.
    pub fn new(output: W, header: &TraceHeader, level: Level) -> Self {
        let mut head = Vec::new();
        header.encode(&mut head);
        head.push(level as u8);
        let mut block = Block::new(WRITTEN_AT_ONCE);
        // So that every further piece begins where the system's do: what lies across its borders takes it longer.
        block.wait_for(WRITTEN_AT_ONCE - head.len() % WRITTEN_AT_ONCE);
        let mut writer = Self { output, block, hashed: 0, level, records: 0, digest: None, error: None };
        writer.error = writer.output.write_all(&head).err();
        writer
    }

    /// Computes the trace's digest, too, of the bytes that are written; false if these are of another level than the digest.
    pub fn hash_too(&mut self, header: &TraceHeader) -> bool {
        let fits = self.level == Level::Connection;
        self.digest = fits.then(|| Rungs::new(header));
        fits
    }

    /// The digest of all records so far, if it was asked for, once.
    pub fn digest(&mut self) -> Option<TraceDigest> {
        self.hash();
        self.digest.take().map(Rungs::finish)
    }

    /// Writes the end mark and tells of any error on the way.
    pub fn finish(mut self) -> Result<W, TraceError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        self.output.write_all(self.block.written())?;
        self.output.write_all(&[0])?;
        self.output.write_all(&self.records.to_le_bytes())?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// Begins another second of the digest.
    fn go_on_at(&mut self, time: SimTime) {
        self.hash();
        if let Some(digest) = &mut self.digest {
            digest.go_on_at(time);
        }
    }

    fn hash(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.hash(&self.block.written()[self.hashed..]);
            self.hashed = self.block.written().len();
        }
    }

    fn write_piece(&mut self) {
        self.hash();
        if self.error.is_none() {
            self.error = self.output.write_all(self.block.piece()).err();
        }
        self.block.drop_piece();
        self.block.wait_for(WRITTEN_AT_ONCE);
        self.hashed = self.block.written().len();
    }
}

impl<W: Write> TraceSink for BinaryWriter<W> {
    #[inline]
    fn record(&mut self, record: &Record) {
        if record.body.level() > self.level {
            return;
        }
        if self.digest.as_ref().is_some_and(|digest| digest.ends_before(record.time)) {
            self.go_on_at(record.time);
        }
        self.records += 1;
        if self.block.add(record) {
            self.write_piece();
        }
    }
}

/// Reads a binary trace, record by record.
pub struct BinaryReader<R> {
    input: R,
    header: TraceHeader,
    level: Level,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    records: u64,
    last: u64,
    done: bool,
}

impl<R: Read> BinaryReader<R> {
    /// Reads the header.
    pub fn open(mut input: R) -> Result<Self, TraceError> {
        let mut buffer = Vec::new();
        let mut wanted = BLOCK;
        loop {
            let ended = fill(&mut input, &mut buffer, wanted)?;
            check_start(&buffer)?;
            let mut rest = buffer.as_slice();
            if let Some(header) = TraceHeader::decode(&mut rest)
                && let Some(level) = rest.first()
            {
                let levels = [Level::Request, Level::Connection, Level::Segment];
                let level = levels.into_iter().find(|known| *known as u8 == *level);
                let level = level.ok_or_else(|| TraceError::Header("it names no level".to_owned()))?;
                let start = buffer.len() - rest.len() + 1;
                let offset = start as u64;
                return Ok(Self { input, header, level, buffer, start, offset, records: 0, last: 0, done: false });
            }
            if ended || wanted >= LONGEST_HEADER {
                return Err(TraceError::Header("it is cut short".to_owned()));
            }
            wanted *= 4;
        }
    }

    /// The header.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The level that was written.
    pub fn level(&self) -> Level {
        self.level
    }

    fn read(&mut self) -> Result<Option<Record>, TraceError> {
        if self.buffer.len() - self.start < LONGEST_RECORD {
            self.buffer.drain(..self.start);
            self.start = 0;
            fill(&mut self.input, &mut self.buffer, BLOCK)?;
        }
        let rest = &self.buffer[self.start..];
        let short = rest.len() < LONGEST_RECORD;
        let mut input = rest;
        if let Some(record) = Record::decode(&mut input) {
            let length = rest.len() - input.len();
            self.start += length;
            self.offset += length as u64;
            self.records += 1;
            self.last = record.id;
            return Ok(Some(record));
        }
        match rest {
            [0, count @ ..] if count == self.records.to_le_bytes() => Ok(None),
            [] | [0] => Err(TraceError::Cut { after: self.last }),
            [code, ..] if short && sim_core::trace::body::KINDS.iter().any(|kind| kind.code == *code) => {
                Err(TraceError::Cut { after: self.last })
            }
            _ => Err(TraceError::Damaged { after: self.last, offset: self.offset }),
        }
    }
}

impl<R: Read> Iterator for BinaryReader<R> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let result = self.read().transpose();
        self.done = !matches!(result, Some(Ok(_)));
        result
    }
}

/// Reads until `buffer` holds `wanted` bytes; true when the input has ended.
fn fill(input: &mut impl Read, buffer: &mut Vec<u8>, wanted: usize) -> Result<bool, TraceError> {
    let missing = wanted.saturating_sub(buffer.len());
    let read = input.by_ref().take(missing as u64).read_to_end(buffer)?;
    Ok(read < missing)
}

fn check_start(bytes: &[u8]) -> Result<(), TraceError> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err(TraceError::NotATrace) };
    let Some((format, _)) = rest.split_first_chunk::<4>() else { return Err(TraceError::NotATrace) };
    match u32::from_le_bytes(*format) {
        TRACE_FORMAT => Ok(()),
        found => Err(TraceError::OtherFormat { found: u64::from(found) }),
    }
}

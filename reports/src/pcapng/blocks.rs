//! The blocks of a pcapng file that are written here: its head, its interfaces, its packets. Knows no protocol.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>; little-endian, times in nanoseconds since the start
//! of the run.

use std::io::{self, Write};

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// Ethernet.
const LINK_TYPE: u16 = 1;

/// Options, by what they say.
const END: u16 = 0;
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const DESCRIPTION: u16 = 3;
const TIME_RESOLUTION: u16 = 9;

/// A pcapng file on its way.
pub(super) struct Blocks<W> {
    out: W,
    body: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    /// Starts a file.
    pub(super) fn new(out: W, application: &str, comment: &str) -> io::Result<Self> {
        let mut blocks = Self { out, body: Vec::new() };
        blocks.body.extend(BYTE_ORDER.to_le_bytes());
        blocks.body.extend(1_u16.to_le_bytes());
        blocks.body.extend(0_u16.to_le_bytes());
        // The section's length is not known ahead.
        blocks.body.extend(u64::MAX.to_le_bytes());
        blocks.option(COMMENT, comment.as_bytes());
        blocks.option(APPLICATION, application.as_bytes());
        blocks.end(SECTION_HEADER)?;
        Ok(blocks)
    }

    /// Describes the next interface; they are numbered from 0 in this order.
    pub(super) fn interface(&mut self, name: &str, description: &str) -> io::Result<()> {
        self.body.extend(LINK_TYPE.to_le_bytes());
        self.body.extend(0_u16.to_le_bytes());
        // No limit on a packet's length.
        self.body.extend(0_u32.to_le_bytes());
        self.option(NAME, name.as_bytes());
        self.option(DESCRIPTION, description.as_bytes());
        self.option(TIME_RESOLUTION, &[9]);
        self.end(INTERFACE)
    }

    /// Writes a packet that an interface saw at this time, in nanoseconds.
    pub(super) fn packet(&mut self, interface: u32, time: u64, frame: &[u8], comment: &str) -> io::Result<()> {
        let length = u32::try_from(frame.len()).expect("a frame has at most 64 KiB");
        let [low, high] = [time & u64::from(u32::MAX), time >> 32];
        for number in [u64::from(interface), high, low, u64::from(length), u64::from(length)] {
            let number = u32::try_from(number).expect("each half of a time has 32 bits");
            self.body.extend(number.to_le_bytes());
        }
        self.padded(frame);
        self.option(COMMENT, comment.as_bytes());
        self.end(ENHANCED_PACKET)
    }

    /// The file, with all of it written.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        // Names are not that long; one that is loses its end.
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let length = u16::try_from(value.len()).expect("it was cut to fit");
        self.body.extend(code.to_le_bytes());
        self.body.extend(length.to_le_bytes());
        self.padded(value);
    }

    fn end(&mut self, kind: u32) -> io::Result<()> {
        self.body.extend(END.to_le_bytes());
        self.body.extend(0_u16.to_le_bytes());
        let length = u32::try_from(self.body.len() + 12).expect("a block holds one packet");
        for part in [&kind.to_le_bytes()[..], &length.to_le_bytes(), &self.body, &length.to_le_bytes()] {
            self.out.write_all(part)?;
        }
        self.body.clear();
        Ok(())
    }
}

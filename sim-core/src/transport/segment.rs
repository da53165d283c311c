//! Sizes on the wire. A message that fits its sender's window is sent as one train of full segments, back to back; of a
//! longer one each packet is a train of its own.

/// Payload of a full segment: an MTU of 1500 less 40 bytes of headers and 12 of timestamps.
pub const MSS: u64 = 1_448;
/// Ethernet, IPv4 and TCP headers with timestamps, and the frame check sequence.
pub const HEADERS: u64 = 14 + 20 + 32 + 4;
/// Preamble and inter-frame gap, which also take time on the wire.
const GAP: u64 = 8 + 12;

/// What a train of segments puts on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// Packets.
    pub packets: u32,
    /// Bytes of all packets with headers and gaps.
    pub bytes: u64,
    /// Bytes of the first packet with headers and gap.
    pub first: u64,
    /// The same of the last one.
    pub last: u64,
}

impl Train {
    /// The last packet alone.
    pub fn last_packet(self) -> Self {
        Self { packets: 1, bytes: self.last, first: self.last, last: self.last }
    }
}

/// A segment without payload.
pub const BARE: Train = Train { packets: 1, bytes: HEADERS + GAP, first: HEADERS + GAP, last: HEADERS + GAP };

/// The train of a message with `payload` bytes; an empty message is one bare segment.
pub fn train(payload: u64) -> Train {
    let packets = payload.div_ceil(MSS).max(1);
    let first = payload.min(MSS) + HEADERS + GAP;
    let last = payload - (packets - 1) * MSS + HEADERS + GAP;
    let bytes = payload + packets * (HEADERS + GAP);
    Train { packets: u32::try_from(packets).unwrap_or(u32::MAX), bytes, first, last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_are_cut_at_the_segment_size() {
        assert_eq!(train(0), BARE);
        assert_eq!(BARE.bytes, 90);
        assert_eq!(train(1_448), Train { packets: 1, bytes: 1_538, first: 1_538, last: 1_538 });
        assert_eq!(train(4_096), Train { packets: 3, bytes: 4_096 + 270, first: 1_538, last: 1_200 + 90 });
    }
}

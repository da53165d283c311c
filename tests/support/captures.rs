//! A reader of pcapng files and of the frames in them, apart from the code that writes them.

use std::net::Ipv4Addr;

/// A packet of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) interface: String,
    pub(crate) time: u64,
    pub(crate) comment: String,
    pub(crate) source: (Ipv4Addr, u16),
    pub(crate) destination: (Ipv4Addr, u16),
    /// 1 ICMP, 6 TCP, 17 UDP.
    pub(crate) protocol: u8,
    /// The IPv4 packet.
    pub(crate) bytes: Vec<u8>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn pair(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

/// The options of a block by code.
fn options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let code = u16::from_le_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        if code == 0 {
            break;
        }
        found.push((code, bytes[4..4 + length].to_vec()));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
    found
}

fn option(options: &[(u16, Vec<u8>)], wanted: u16) -> Vec<u8> {
    options.iter().find(|(code, _)| *code == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The packets of a capture; panics when a block, a header or a checksum is wrong.
pub(crate) fn packets(file: &[u8]) -> Vec<Packet> {
    let (mut rest, mut interfaces, mut packets) = (file, Vec::new(), Vec::new());
    while !rest.is_empty() {
        let length = word(rest, 4) as usize;
        assert_eq!(word(rest, length - 4) as usize, length, "a block tells its length at both ends");
        let (block, next) = rest.split_at(length);
        let body = &block[8..length - 4];
        match word(block, 0) {
            0x0A0D_0D0A => assert_eq!(word(body, 0), 0x1A2B_3C4D),
            1 => {
                assert_eq!(u16::from_le_bytes([body[0], body[1]]), 1, "Ethernet");
                let options = options(&body[8..]);
                assert_eq!(option(&options, 9), [9], "nanoseconds");
                interfaces.push(String::from_utf8(option(&options, 2)).unwrap());
            }
            6 => {
                let captured = word(body, 12) as usize;
                assert_eq!(word(body, 16) as usize, captured, "nothing is cut off");
                let time = u64::from(word(body, 4)) << 32 | u64::from(word(body, 8));
                let comment = option(&options(&body[20 + captured.next_multiple_of(4)..]), 1);
                let interface = interfaces[word(body, 0) as usize].clone();
                packets.push(packet(interface, time, String::from_utf8(comment).unwrap(), &body[20..20 + captured]));
            }
            other => panic!("a block of type {other}"),
        }
        rest = next;
    }
    packets
}

fn packet(interface: String, time: u64, comment: String, frame: &[u8]) -> Packet {
    assert_eq!(frame[12..14], [8, 0], "IPv4 in Ethernet");
    let ip = &frame[14..];
    assert_eq!(ip[0], 0x45);
    assert_eq!(usize::from(pair(ip, 2)), ip.len(), "{comment}");
    assert_eq!(sum(&ip[..20], 0), 0xFFFF, "{comment}: checksum of IPv4");
    let (protocol, body) = (ip[9], &ip[20..]);
    let pseudo = u32::from(sum(&ip[12..20], 0)) + u32::from(protocol) + u32::try_from(body.len()).unwrap();
    assert_eq!(sum(body, if protocol == 1 { 0 } else { pseudo }), 0xFFFF, "{comment}: checksum of protocol {protocol}");
    let ports = if protocol == 1 { [0, 0] } else { [pair(body, 0), pair(body, 2)] };
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let (source, destination) = ((address(12), ports[0]), (address(16), ports[1]));
    Packet { interface, time, comment, source, destination, protocol, bytes: ip.to_vec() }
}

/// RFC 1071.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum = start + words.sum::<u32>();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

impl Packet {
    /// The number of its record.
    pub(crate) fn record(&self) -> u64 {
        let number = self.comment.strip_prefix("record ").and_then(|rest| rest.split(':').next());
        number.unwrap().parse().unwrap()
    }

    /// Whether it is a segment of this kind of a request of this source.
    pub(crate) fn is(&self, segment: &str, source: &str) -> bool {
        self.comment.contains(&format!(": {segment} of {source}/"))
    }
}

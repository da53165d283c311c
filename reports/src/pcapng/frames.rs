//! Frames as bytes: Ethernet, IPv4, and TCP, UDP or an ICMP error in it, with checksums. Knows no trace and no file.

use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, IpNumber, Ipv4Header, TcpHeader, TcpOptionElement, UdpHeader,
};
use sim_core::trace::ends::Ends;

/// Bytes of the packet that an ICMP error quotes: its IPv4 header and 8 more (RFC 792).
const QUOTED: usize = 28;
/// What a socket announces that has read everything, after scaling: 8 MiB.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 7;
/// What a SYN announces, which is never scaled.
const SYN_WINDOW: u16 = 64_240;
/// An MTU of 1500 less the headers without options.
const ANNOUNCED_MSS: u16 = 1_460;

/// Flags of a TCP segment, by their bits in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const FIN: Self = Self(1);
    pub(super) const SYN: Self = Self(1 << 1);
    pub(super) const RST: Self = Self(1 << 2);
    pub(super) const PSH: Self = Self(1 << 3);
    pub(super) const ACK: Self = Self(1 << 4);

    /// These flags and those.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

/// A TCP segment without its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tcp {
    pub flags: Flags,
    pub sequence: u32,
    pub acknowledgement: u32,
    /// Its own clock, and what it echoes, in milliseconds.
    pub stamps: (u32, u32),
}

/// What an IPv4 packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    Tcp(Tcp),
    Udp,
}

/// Where and when a packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub source_mac: [u8; 6],
    pub destination_mac: [u8; 6],
    pub ends: Ends,
    /// The IPv4 identification, the same wherever the packet is seen.
    pub identification: u16,
    pub time_to_live: u8,
}

/// A frame with a TCP segment or a datagram.
pub(super) fn frame(envelope: &Envelope, inner: &Inner, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ethernet(envelope);
    bytes.extend(packet(envelope, inner, payload));
    bytes
}

/// A frame with an ICMP error from `from` about a packet, which is given as it looked when it came here.
pub(super) fn error(envelope: &Envelope, from: Ipv4Addr, kind: DestUnreachableHeader, about: &[u8]) -> Vec<u8> {
    let quoted = &about[..about.len().min(QUOTED)];
    let header = Icmpv4Header::with_checksum(Icmpv4Type::DestinationUnreachable(kind), quoted);
    let mut body = header.to_bytes().to_vec();
    body.extend_from_slice(quoted);
    let mut bytes = ethernet(envelope);
    bytes.extend(ipv4(envelope, from, IpNumber::ICMP, &body));
    bytes
}

/// An IPv4 packet with a TCP segment or a datagram.
pub(super) fn packet(envelope: &Envelope, inner: &Inner, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (envelope.ends.source(), envelope.ends.destination());
    let (protocol, mut body) = match inner {
        Inner::Tcp(tcp) => (IpNumber::TCP, tcp_header(tcp, source, destination, payload)),
        Inner::Udp => (IpNumber::UDP, udp_header(source, destination, payload)),
    };
    body.extend_from_slice(payload);
    ipv4(envelope, *source.ip(), protocol, &body)
}

fn ethernet(envelope: &Envelope) -> Vec<u8> {
    let header = Ethernet2Header {
        source: envelope.source_mac,
        destination: envelope.destination_mac,
        ether_type: EtherType::IPV4,
    };
    header.to_bytes().to_vec()
}

fn ipv4(envelope: &Envelope, from: Ipv4Addr, protocol: IpNumber, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("payloads are cut to fit");
    let to = envelope.ends.destination().ip().octets();
    let header = Ipv4Header::new(length, envelope.time_to_live, protocol, from.octets(), to);
    let mut header = header.expect("payloads are cut to fit with their header");
    header.identification = envelope.identification;
    header.dont_fragment = true;
    header.header_checksum = header.calc_header_checksum();
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

fn tcp_header(tcp: &Tcp, source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let [fin, syn, rst, psh, ack] =
        [Flags::FIN, Flags::SYN, Flags::RST, Flags::PSH, Flags::ACK].map(|flag| tcp.flags.has(flag));
    let window = match (rst, syn) {
        (true, _) => 0,
        (false, true) => SYN_WINDOW,
        (false, false) => WINDOW,
    };
    let mut header = TcpHeader::new(source.port(), destination.port(), tcp.sequence, window);
    (header.syn, header.ack, header.fin, header.rst, header.psh) = (syn, ack, fin, rst, psh);
    header.acknowledgment_number = if ack { tcp.acknowledgement } else { 0 };
    header.set_options(&options(tcp)).expect("the options fit into a header");
    let (from, to) = (source.ip().octets(), destination.ip().octets());
    header.checksum = header.calc_checksum_ipv4_raw(from, to, payload).expect("payloads are cut to fit");
    header.to_bytes().to_vec()
}

fn options(tcp: &Tcp) -> Vec<TcpOptionElement> {
    use TcpOptionElement::{MaximumSegmentSize, Noop, SelectiveAcknowledgementPermitted, Timestamp, WindowScale};
    let stamps = Timestamp(tcp.stamps.0, tcp.stamps.1);
    if tcp.flags.has(Flags::RST) {
        return Vec::new();
    }
    if tcp.flags.has(Flags::SYN) {
        let [size, allowed] = [MaximumSegmentSize(ANNOUNCED_MSS), SelectiveAcknowledgementPermitted];
        return vec![size, allowed, stamps, Noop, WindowScale(WINDOW_SCALE)];
    }
    vec![Noop, Noop, stamps]
}

fn udp_header(source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(UdpHeader::LEN + payload.len()).expect("payloads are cut to fit");
    let (source_port, destination_port) = (source.port(), destination.port());
    let mut header = UdpHeader { source_port, destination_port, length, checksum: 0 };
    let (from, to) = (source.ip().octets(), destination.ip().octets());
    header.checksum = header.calc_checksum_ipv4_raw(from, to, payload).expect("payloads are cut to fit");
    header.to_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum that RFC 1071 asks for, apart from the library that makes it.
    fn sum(bytes: &[u8], start: u32) -> u16 {
        let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
        let mut sum = start + words.sum::<u32>();
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    fn envelope() -> Envelope {
        let ends = "10.244.1.5:40000>10.96.0.1:80".parse().unwrap();
        Envelope { source_mac: [2; 6], destination_mac: [6; 6], ends, identification: 7, time_to_live: 64 }
    }

    #[test]
    fn checksums_of_all_headers_are_right() {
        let tcp = Inner::Tcp(Tcp { flags: Flags::SYN, sequence: 5, acknowledgement: 0, stamps: (3, 0) });
        for (inner, payload) in [(tcp, &b""[..]), (Inner::Udp, b"abc")] {
            let frame = frame(&envelope(), &inner, payload);
            let (ip, body) = frame[14..].split_at(20);
            assert_eq!(sum(ip, 0), 0xFFFF);
            let length = u32::try_from(body.len()).unwrap();
            let pseudo = u32::from(sum(&ip[12..20], 0)) + u32::from(ip[9]) + length;
            assert_eq!(sum(body, pseudo), 0xFFFF, "{inner:?}");
        }
    }

    #[test]
    fn an_error_quotes_what_it_is_about() {
        let about = packet(&envelope(), &Inner::Udp, b"abc");
        let frame = error(&envelope(), Ipv4Addr::new(192, 168, 0, 11), DestUnreachableHeader::Port, &about);
        assert_eq!(frame[14 + 12..14 + 16], [192, 168, 0, 11]);
        assert_eq!(frame[34..36], [3, 3]);
        assert_eq!(sum(&frame[34..], 0), 0xFFFF);
        assert_eq!(frame[42..], about[..28]);
    }
}

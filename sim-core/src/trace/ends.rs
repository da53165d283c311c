//! The two ends of a packet as its headers name them in one place. Knows no packet.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

use super::fields::{Encoder, Field, FieldType, Value, take};

/// Source and destination of a packet, each an IPv4 address and a port (the only addresses that are given out).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    source: (Ipv4Addr, u16),
    destination: (Ipv4Addr, u16),
}

impl Ends {
    /// Of a packet that does not pass the place.
    pub const NONE: Self = Self { source: (Ipv4Addr::UNSPECIFIED, 0), destination: (Ipv4Addr::UNSPECIFIED, 0) };

    /// The ends of a packet; [`Self::NONE`] if one of them is no IPv4 address.
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
                Self { source: (*source.ip(), source.port()), destination: (*destination.ip(), destination.port()) }
            }
            _ => Self::NONE,
        }
    }

    /// Where it comes from.
    pub fn source(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.source.0, self.source.1)
    }

    /// Where it goes.
    pub fn destination(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.destination.0, self.destination.1)
    }

    /// The ends of an answer.
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// `10.244.1.5:40000>10.96.0.1:80`.
impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}", self.source(), self.destination())
    }
}

impl FromStr for Ends {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (source, destination) = text.split_once('>').unwrap_or((text, ""));
        let (source, destination): (SocketAddrV4, SocketAddrV4) = (source.parse()?, destination.parse()?);
        Ok(Self::new(source.into(), destination.into()))
    }
}

impl Field for Ends {
    const TYPE: FieldType = FieldType::Ends;
    #[inline]
    fn encode(self, out: &mut Encoder<'_>) {
        for (address, port) in [self.source, self.destination] {
            out.put(address.octets());
            out.put(port.to_le_bytes());
        }
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut end = || Some((Ipv4Addr::from(take::<4>(input)?), u16::from_le_bytes(take(input)?)));
        Some(Self { source: end()?, destination: end()? })
    }
    fn value(self) -> Value {
        if self == Self::NONE { Value::Nothing } else { Value::Ends(self) }
    }
    fn from_value(value: Value) -> Option<Self> {
        if value == Value::Nothing {
            return Some(Self::NONE);
        }
        let Value::Ends(ends) = value else { return None };
        Some(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_survive_text_and_turn_around() {
        let ends: Ends = "10.244.1.5:40000>10.96.0.1:80".parse().unwrap();
        assert_eq!(ends.to_string().parse(), Ok(ends));
        assert_eq!(ends.reversed().to_string(), "10.96.0.1:80>10.244.1.5:40000");
        assert!("10.244.1.5:40000".parse::<Ends>().is_err());
        assert_eq!(Ends::new("[fd00::1]:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap()), Ends::NONE);
    }
}

//! The canonical encoding of records: fixed little-endian forms, one after the other (law 6).

use super::body::Body;
use super::fields::{Encoder, Field};
use super::record::Record;
use crate::kernel::time::SimTime;

pub use super::fields::LONGEST;

/// Bytes of the kind, the id, the time, the cause and the decision.
const HEAD: usize = 33;

impl Record {
    /// Writes the canonical form: kind, id, time, cause, because, then the fields, all little-endian; returns its length.
    #[inline]
    pub fn encode_at(&self, bytes: &mut [u8; LONGEST]) -> usize {
        let mut head = Encoder::behind(bytes, 1);
        for number in [self.id, self.time.as_nanos(), self.cause, self.because] {
            head.put(number.to_le_bytes());
        }
        self.body.encode_around::<HEAD>(bytes)
    }

    /// Appends the canonical form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; LONGEST];
        let length = self.encode_at(&mut bytes);
        out.extend_from_slice(&bytes[..length]);
    }

    /// Reads one record and moves `input` past it; `None` when it is cut short or of no known kind.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let code = u8::decode(input)?;
        let (id, time) = (u64::decode(input)?, u64::decode(input)?);
        let (cause, because) = (u64::decode(input)?, u64::decode(input)?);
        let body = Body::decode_fields(code, input)?;
        Some(Self { id, time: SimTime::from_nanos(time), cause, because, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{NodeId, SourceId};
    use crate::trace::body::KINDS;
    use crate::trace::fields::FieldType;
    use std::net::IpAddr;

    fn sample() -> Record {
        Record {
            id: 7,
            time: SimTime::from_nanos(1_000),
            cause: 6,
            because: 2,
            body: Body::ConnectionOpened {
                source: SourceId(1),
                number: 9,
                client_port: 32_768,
                address: IpAddr::from([10, 96, 3, 4]),
                port: 80,
                pod: None,
                via: Some(NodeId(3)),
                translations: 1,
            },
        }
    }

    #[test]
    fn a_record_survives_its_encoding() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        assert_eq!(bytes.len(), 33 + 4 + 8 + 2 + 17 + 2 + 4 + 4 + 1);
        let mut input = bytes.as_slice();
        assert_eq!(Record::decode(&mut input), Some(sample()));
        assert!(input.is_empty());
        for cut in 0..bytes.len() {
            assert_eq!(Record::decode(&mut &bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_longest_record_fits_the_encoder() {
        let length = |kind: &FieldType| match kind {
            FieldType::U64 => 8,
            FieldType::U16 => 2,
            FieldType::U8 | FieldType::Word(_) => 1,
            FieldType::U32
            | FieldType::Node
            | FieldType::Link
            | FieldType::Workload
            | FieldType::Service
            | FieldType::ServicePort
            | FieldType::Pod
            | FieldType::OptionalPod
            | FieldType::OptionalNode
            | FieldType::Source
            | FieldType::Fault => 4,
            FieldType::Client | FieldType::Suffix => 5,
            FieldType::TemplateHash => 10,
            FieldType::Address => 17,
            FieldType::Subnet => 18,
            FieldType::Ends => 12,
        };
        let longest = KINDS.iter().map(|kind| kind.fields.iter().map(|(_, kind)| length(kind)).sum::<usize>()).max();
        assert!(HEAD + longest.unwrap() <= LONGEST);
    }

    #[test]
    fn a_body_survives_its_values() {
        let mut values = Vec::new();
        sample().body.visit(&mut |name, value| values.push((name, value)));
        let mut look_up =
            |name: &'static str, _: FieldType| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(Body::from_values("connection-opened", &mut look_up), Some(sample().body));
    }

    #[test]
    fn codes_and_names_are_unique() {
        assert!(KINDS[0].code == 1 && KINDS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for kind in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.name == kind.name).count(), 1);
        }
    }
}

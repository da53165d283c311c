//! Fields of records: each type's fixed little-endian form and its neutral value for other views.

#![allow(clippy::inline_always, reason = "places are constants only when all of an encoding is inlined")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ends::Ends;
use super::words::{
    AddressPart, ChoiceRule, DeleteReason, DropReason, End, ExitReason, Outcome, PendingReason, ProbeKind, SegmentKind,
    TranslationRule,
};
use crate::model::ids::{FaultId, LinkId, NodeId, PodId, ServiceId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::Subnet;

/// Who makes a request: a pod, or a node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// Nobody was alive.
    None,
    /// This pod or container.
    Pod(PodId),
    /// This node (also the one outside).
    Node(NodeId),
}

/// The random end of a pod's name, five letters (see [`crate::control::names`]); zeros when it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Suffix(pub [u8; 5]);

impl Suffix {
    /// The end of a name that has none.
    pub const NONE: Self = Self([0; 5]);

    /// The letters.
    pub fn as_str(&self) -> &str {
        if *self == Self::NONE { "" } else { std::str::from_utf8(&self.0).unwrap_or("?????") }
    }
}

/// A template hash as pod names carry it, at most 10 letters; zeros fill the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateHash(pub [u8; 10]);

impl TemplateHash {
    /// The hash that a text spells; what is beyond 10 bytes is left out.
    pub fn of(text: &str) -> Self {
        let mut letters = [0; 10];
        letters.iter_mut().zip(text.bytes()).for_each(|(place, letter)| *place = letter);
        Self(letters)
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|letter| *letter == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..length]).unwrap_or("?")
    }
}

/// A field's value without its static type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number: a count, a size, a version, a port, a time in nanoseconds.
    Number(u64),
    /// A word of a closed list.
    Word(&'static str),
    /// A node.
    Node(NodeId),
    /// A link.
    Link(LinkId),
    /// A workload.
    Workload(WorkloadId),
    /// A Service.
    Service(ServiceId),
    /// A port of a Service.
    ServicePort(ServicePortId),
    /// A pod.
    Pod(PodId),
    /// A traffic source.
    Source(SourceId),
    /// A fault.
    Fault(FaultId),
    /// Who makes a request.
    Client(Client),
    /// An address.
    Address(IpAddr),
    /// An address block.
    Subnet(Subnet),
    /// The ends of a packet.
    Ends(Ends),
    /// The random end of a pod's name.
    Suffix(Suffix),
    /// The hash in a pod's name.
    TemplateHash(TemplateHash),
    /// Absent.
    Nothing,
}

/// The type of a field, for documentation and for readers that must know what a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// u64
    U64,
    /// u32
    U32,
    /// u16
    U16,
    /// u8
    U8,
    /// A word list, by its Rust name.
    Word(&'static str),
    /// A node's number.
    Node,
    /// A link's number.
    Link,
    /// A workload's number.
    Workload,
    /// A Service's number.
    Service,
    /// A Service port's number.
    ServicePort,
    /// A pod's number.
    Pod,
    /// A pod's number or none.
    OptionalPod,
    /// A node's number or none.
    OptionalNode,
    /// A source's number.
    Source,
    /// A fault's number.
    Fault,
    /// A client.
    Client,
    /// An address.
    Address,
    /// An address block.
    Subnet,
    /// The ends of a packet, or none.
    Ends,
    /// A name's end.
    Suffix,
    /// The hash in a name.
    TemplateHash,
}

/// A type that can stand in a record.
pub trait Field: Copy {
    /// Its type's description.
    const TYPE: FieldType;
    /// Writes the canonical little-endian form, of fixed length.
    fn encode(self, out: &mut Encoder<'_>);
    /// Reads the canonical form and moves `input` past it; `None` when it is not one.
    fn decode(input: &mut &[u8]) -> Option<Self>;
    /// The value without its type.
    fn value(self) -> Value;
    /// The value with its type again.
    fn from_value(value: Value) -> Option<Self>;
}

/// Bytes of the longest record in canonical form, with room to spare (a test of the encoding measures it).
pub const LONGEST: usize = 128;

/// One record's canonical form while it is written. Everything about it is inlined: then each field's place is a constant.
#[derive(Debug)]
pub struct Encoder<'a> {
    bytes: &'a mut [u8; LONGEST],
    length: usize,
}

impl<'a> Encoder<'a> {
    /// Goes on behind the first `length` bytes.
    #[inline(always)]
    pub(crate) fn behind(bytes: &'a mut [u8; LONGEST], length: usize) -> Self {
        Self { bytes, length }
    }

    /// Writes `N` bytes.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        *self.bytes[self.length..].first_chunk_mut().expect("the longest record has room") = bytes;
        self.length += N;
    }

    /// How many bytes were written.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}

/// Takes `N` bytes from the front.
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

macro_rules! number_fields {
    ($($name:ty, $kind:expr;)*) => {$(
        impl Field for $name {
            const TYPE: FieldType = $kind;
            #[inline(always)]
            fn encode(self, out: &mut Encoder<'_>) {
                out.put(self.to_le_bytes());
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                take(input).map(Self::from_le_bytes)
            }
            fn value(self) -> Value {
                Value::Number(u64::from(self))
            }
            fn from_value(value: Value) -> Option<Self> {
                let Value::Number(number) = value else { return None };
                Self::try_from(number).ok()
            }
        }
    )*};
}

number_fields! {
    u64, FieldType::U64;
    u32, FieldType::U32;
    u16, FieldType::U16;
    u8, FieldType::U8;
}

macro_rules! id_fields {
    ($($name:ident => $variant:ident;)*) => {$(
        impl Field for $name {
            const TYPE: FieldType = FieldType::$variant;
            #[inline(always)]
            fn encode(self, out: &mut Encoder<'_>) {
                self.0.encode(out);
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                u32::decode(input).map(Self)
            }
            fn value(self) -> Value {
                Value::$variant(self)
            }
            fn from_value(value: Value) -> Option<Self> {
                let Value::$variant(id) = value else { return None };
                Some(id)
            }
        }
    )*};
}

id_fields! {
    NodeId => Node;
    LinkId => Link;
    WorkloadId => Workload;
    ServiceId => Service;
    ServicePortId => ServicePort;
    PodId => Pod;
    SourceId => Source;
    FaultId => Fault;
}

macro_rules! optional_fields {
    ($($name:ident => $kind:ident;)*) => {$(
        impl Field for Option<$name> {
            const TYPE: FieldType = FieldType::$kind;
            #[inline(always)]
            fn encode(self, out: &mut Encoder<'_>) {
                self.map_or(u32::MAX, |id| id.0).encode(out);
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                let number = u32::decode(input)?;
                Some((number != u32::MAX).then_some($name(number)))
            }
            fn value(self) -> Value {
                self.map_or(Value::Nothing, Field::value)
            }
            fn from_value(value: Value) -> Option<Self> {
                if value == Value::Nothing { Some(None) } else { $name::from_value(value).map(Some) }
            }
        }
    )*};
}

optional_fields! {
    PodId => OptionalPod;
    NodeId => OptionalNode;
}

macro_rules! word_fields {
    ($($name:ident,)*) => {$(
        impl Field for $name {
            const TYPE: FieldType = FieldType::Word(stringify!($name));
            #[inline(always)]
            fn encode(self, out: &mut Encoder<'_>) {
                out.put([self.code()]);
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                u8::decode(input).and_then(Self::from_code)
            }
            fn value(self) -> Value {
                Value::Word(self.word())
            }
            fn from_value(value: Value) -> Option<Self> {
                let Value::Word(word) = value else { return None };
                Self::from_word(word)
            }
        }
    )*};
}

word_fields! {
    Outcome, ExitReason, PendingReason, DeleteReason, SegmentKind, DropReason, ChoiceRule, TranslationRule, AddressPart,
    ProbeKind, End,
}

impl Field for Client {
    const TYPE: FieldType = FieldType::Client;
    #[inline(always)]
    fn encode(self, out: &mut Encoder<'_>) {
        let (tag, number): (u8, u32) = match self {
            Self::None => (0, u32::MAX),
            Self::Pod(pod) => (1, pod.0),
            Self::Node(node) => (2, node.0),
        };
        tag.encode(out);
        number.encode(out);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (tag, number) = (u8::decode(input)?, u32::decode(input)?);
        match tag {
            0 => Some(Self::None),
            1 => Some(Self::Pod(PodId(number))),
            2 => Some(Self::Node(NodeId(number))),
            _ => None,
        }
    }
    fn value(self) -> Value {
        Value::Client(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        let Value::Client(client) = value else { return None };
        Some(client)
    }
}

impl Field for IpAddr {
    const TYPE: FieldType = FieldType::Address;
    #[inline(always)]
    fn encode(self, out: &mut Encoder<'_>) {
        let (version, octets) = match self {
            Self::V4(address) => (4, address.to_ipv6_mapped().octets()),
            Self::V6(address) => (6, address.octets()),
        };
        out.put([version]);
        out.put(octets);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let version = u8::decode(input)?;
        let octets: [u8; 16] = take(input)?;
        match version {
            4 => Some(Self::V4(Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]))),
            6 => Some(Self::V6(Ipv6Addr::from(octets))),
            _ => None,
        }
    }
    fn value(self) -> Value {
        Value::Address(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        let Value::Address(address) = value else { return None };
        Some(address)
    }
}

impl Field for Subnet {
    const TYPE: FieldType = FieldType::Subnet;
    #[inline(always)]
    fn encode(self, out: &mut Encoder<'_>) {
        self.address.encode(out);
        out.put([self.prefix]);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        Some(Self { address: IpAddr::decode(input)?, prefix: u8::decode(input)? })
    }
    fn value(self) -> Value {
        Value::Subnet(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        let Value::Subnet(subnet) = value else { return None };
        Some(subnet)
    }
}

impl Field for Suffix {
    const TYPE: FieldType = FieldType::Suffix;
    #[inline(always)]
    fn encode(self, out: &mut Encoder<'_>) {
        out.put(self.0);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Self)
    }
    fn value(self) -> Value {
        Value::Suffix(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        let Value::Suffix(suffix) = value else { return None };
        Some(suffix)
    }
}

impl Field for TemplateHash {
    const TYPE: FieldType = FieldType::TemplateHash;
    #[inline(always)]
    fn encode(self, out: &mut Encoder<'_>) {
        out.put(self.0);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Self)
    }
    fn value(self) -> Value {
        Value::TemplateHash(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        let Value::TemplateHash(hash) = value else { return None };
        Some(hash)
    }
}

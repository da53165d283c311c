//! The packets of a Perfetto trace that a timeline is made of. Knows no record.

use std::io::{self, Write};

use sim_core::kernel::time::SimTime;
use sim_core::trace::RecordId;

use crate::convert::protobuf::Message;

/// Field numbers of Perfetto's schema, by message.
mod field {
    pub(super) mod trace {
        pub(in super::super) const PACKET: u64 = 1;
    }
    pub(super) mod packet {
        pub(in super::super) const TIMESTAMP: u64 = 8;
        pub(in super::super) const SEQUENCE: u64 = 10;
        pub(in super::super) const TRACK_EVENT: u64 = 11;
        pub(in super::super) const SEQUENCE_FLAGS: u64 = 13;
        pub(in super::super) const TRACK_DESCRIPTOR: u64 = 60;
    }
    pub(super) mod track {
        pub(in super::super) const UUID: u64 = 1;
        pub(in super::super) const NAME: u64 = 2;
        pub(in super::super) const PARENT: u64 = 5;
    }
    pub(super) mod event {
        pub(in super::super) const ANNOTATION: u64 = 4;
        pub(in super::super) const TYPE: u64 = 9;
        pub(in super::super) const TRACK: u64 = 11;
        pub(in super::super) const CATEGORY: u64 = 22;
        pub(in super::super) const NAME: u64 = 23;
        pub(in super::super) const FLOW: u64 = 47;
    }
    pub(super) mod annotation {
        pub(in super::super) const NUMBER: u64 = 3;
        pub(in super::super) const TEXT: u64 = 6;
        pub(in super::super) const NAME: u64 = 10;
    }
}

/// The one sequence of packets in the file.
const SEQUENCE: u64 = 1;
/// No packet of the sequence refers to one before this.
const STATE_CLEARED: u64 = 1;

/// What an event does on its track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// A slice begins.
    Begin = 1,
    /// The slice that began last ends.
    End = 2,
    /// A point in time.
    #[default]
    Instant = 3,
}

/// A detail of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Annotation<'a> {
    Number(&'static str, u64),
    Text(&'static str, &'a str),
}

/// An event on a track.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Event<'a> {
    pub track: u64,
    pub phase: Phase,
    pub category: &'static str,
    pub name: &'a str,
    /// Events with a number in common are joined by arrows in the order of their times; 0 is none.
    pub flows: [RecordId; 3],
    pub annotations: &'a [Annotation<'a>],
}

/// A Perfetto trace on its way.
pub(super) struct Packets<W> {
    out: W,
    begun: bool,
}

impl<W: Write> Packets<W> {
    /// An empty trace.
    pub(super) fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    /// Describes a track.
    pub(super) fn track(&mut self, track: u64, parent: Option<u64>, name: &str) -> io::Result<()> {
        let mut descriptor = Message::default().number(field::track::UUID, track).text(field::track::NAME, name);
        if let Some(parent) = parent {
            descriptor = descriptor.number(field::track::PARENT, parent);
        }
        self.write(Message::default().message(field::packet::TRACK_DESCRIPTOR, &descriptor))
    }

    /// Writes an event.
    pub(super) fn event(&mut self, time: SimTime, event: &Event<'_>) -> Result<(), crate::convert::ConvertError> {
        let mut message = Message::default();
        for annotation in event.annotations {
            message = message.message(field::event::ANNOTATION, &detail(annotation));
        }
        message = message.number(field::event::TYPE, event.phase as u64).number(field::event::TRACK, event.track);
        if event.phase != Phase::End {
            message = message.text(field::event::CATEGORY, event.category).text(field::event::NAME, event.name);
        }
        for flow in event.flows.into_iter().filter(|flow| *flow > 0) {
            message = message.fixed(field::event::FLOW, flow);
        }
        let packet = Message::default().number(field::packet::TIMESTAMP, time.as_nanos());
        Ok(self.write(packet.message(field::packet::TRACK_EVENT, &message))?)
    }

    /// Hands on what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write(&mut self, packet: Message) -> io::Result<()> {
        let mut packet = packet.number(field::packet::SEQUENCE, SEQUENCE);
        if !std::mem::replace(&mut self.begun, true) {
            packet = packet.number(field::packet::SEQUENCE_FLAGS, STATE_CLEARED);
        }
        self.out.write_all(Message::default().message(field::trace::PACKET, &packet).as_bytes())
    }
}

fn detail(annotation: &Annotation<'_>) -> Message {
    match *annotation {
        Annotation::Number(name, value) => {
            Message::default().text(field::annotation::NAME, name).number(field::annotation::NUMBER, value)
        }
        Annotation::Text(name, value) => {
            Message::default().text(field::annotation::NAME, name).text(field::annotation::TEXT, value)
        }
    }
}

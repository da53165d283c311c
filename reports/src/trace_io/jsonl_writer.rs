//! JSON lines out: the header on the first line, then one object per record, with names instead of numbers.
//! Appends to one buffer and makes no value tree, because runs have millions of records.

use std::fmt::Write as _;
use std::io::Write;
use std::net::IpAddr;

use sim_core::trace::fields::{Client, Suffix, Value};
use sim_core::trace::{Body, Level, Record, TraceHeader, TraceSink};

use super::WRITTEN_AT_ONCE;
use super::error::TraceError;
use super::jsonl_header;
use super::names::Names;
use crate::numbers::LARGEST_EXACT;

/// Writes the records up to a level as JSON lines.
pub struct JsonlWriter<W: Write> {
    output: W,
    lines: LineWriter,
    level: Level,
    error: Option<std::io::Error>,
}

impl<W: Write> JsonlWriter<W> {
    /// Writes the header.
    pub fn new(output: W, header: &TraceHeader, level: Level) -> Result<Self, TraceError> {
        let mut lines = LineWriter::new(header);
        lines.buffer.push_str(&jsonl_header::to_line(header, level.name())?);
        lines.buffer.push('\n');
        Ok(Self { output, lines, level, error: None })
    }

    /// Writes the rest and tells of any error on the way.
    pub fn finish(mut self) -> Result<W, TraceError> {
        self.flush();
        match self.error {
            Some(error) => Err(error.into()),
            None => Ok(self.output),
        }
    }

    fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.output.write_all(self.lines.buffer.as_bytes()).and_then(|()| self.output.flush()).err();
        }
        self.lines.buffer.clear();
    }
}

impl<W: Write> TraceSink for JsonlWriter<W> {
    fn record(&mut self, record: &Record) {
        if record.body.level() > self.level {
            // Names are needed even where the line is not.
            self.lines.names.learn(record);
            return;
        }
        self.lines.push(record);
        if self.lines.buffer.len() >= WRITTEN_AT_ONCE {
            self.flush();
        }
    }
}

/// Turns records into lines of a buffer.
#[derive(Clone, Debug)]
pub(crate) struct LineWriter {
    /// The lines so far.
    pub(crate) buffer: String,
    names: Names,
}

impl LineWriter {
    /// No line yet.
    pub(crate) fn new(header: &TraceHeader) -> Self {
        Self { buffer: String::with_capacity(WRITTEN_AT_ONCE + 1_024), names: Names::new(header) }
    }

    /// Appends a record's line.
    pub(crate) fn push(&mut self, record: &Record) {
        self.names.learn(record);
        self.write(record);
    }

    fn write(&mut self, record: &Record) {
        let out = &mut self.buffer;
        out.push_str("{\"id\":");
        push_number(out, record.id);
        out.push_str(",\"t\":");
        push_number(out, record.time.as_nanos());
        for (key, id) in [(",\"cause\":", record.cause), (",\"because\":", record.because)] {
            out.push_str(key);
            if id == 0 { out.push_str("null") } else { push_number(out, id) }
        }
        out.push_str(",\"kind\":\"");
        out.push_str(record.body.kind());
        out.push('"');
        if let Body::PodCreated { pod, workload, ordinal, suffix } = record.body {
            // The one place that ties a pod's number to its name.
            out.push_str(",\"pod\":");
            push_number(out, u64::from(pod.0));
            out.push_str(",\"name\":");
            out.push_str(self.names.quoted(Value::Pod(pod)).unwrap_or("null"));
            push_field(out, &self.names, "workload", Value::Workload(workload));
            push_field(out, &self.names, "ordinal", Value::Number(u64::from(ordinal)));
            push_field(out, &self.names, "suffix", Value::Suffix(suffix));
        } else {
            let names = &self.names;
            record.body.visit(&mut |name, value| push_field(out, names, name, value));
        }
        out.push_str("}\n");
    }
}

/// Makes single lines, for messages about records.
#[derive(Clone, Debug)]
pub struct JsonlLine {
    lines: LineWriter,
}

impl JsonlLine {
    /// Lines of a trace with this header.
    pub fn new(header: &TraceHeader) -> Self {
        Self { lines: LineWriter::new(header) }
    }

    /// Learns the names that a record gives.
    pub fn learn(&mut self, record: &Record) {
        self.lines.names.learn(record);
    }

    /// The line of a record whose names are known, without its end.
    pub fn line(&mut self, record: &Record) -> String {
        self.lines.buffer.clear();
        self.lines.write(record);
        self.lines.buffer.trim_end().to_owned()
    }
}

fn push_field(out: &mut String, names: &Names, name: &str, value: Value) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    if let Some(quoted) = names.quoted(value) {
        out.push_str(quoted);
        return;
    }
    match value {
        Value::Number(number) => push_number(out, number),
        Value::Word(word) => push_text(out, word),
        Value::Client(Client::None) | Value::Nothing | Value::Suffix(Suffix::NONE) => out.push_str("null"),
        Value::Client(Client::Pod(pod)) => push_client(out, names, Value::Pod(pod), Client::Pod(pod), "\"pod/"),
        Value::Client(Client::Node(node)) => push_client(out, names, Value::Node(node), Client::Node(node), "\"node/"),
        Value::Address(address) => push_address(out, address),
        Value::Subnet(subnet) => push_text(out, &subnet.to_string()),
        Value::Ends(ends) => push_text(out, &ends.to_string()),
        // Letters stand for themselves; any other byte as the character of that number, so nothing is lost.
        Value::TemplateHash(hash) => push_text(out, hash.as_str()),
        Value::Suffix(suffix) => push_text(out, &suffix.0.map(char::from).iter().collect::<String>()),
        // Things without a name.
        Value::Node(id) => push_text(out, &names.node(id)),
        Value::Link(id) => push_text(out, &names.link(id)),
        Value::Workload(id) => push_text(out, &names.workload(id)),
        Value::Service(id) => push_text(out, &names.service(id)),
        Value::ServicePort(id) => push_text(out, &names.service_port(id)),
        Value::Pod(id) => push_text(out, &names.pod(id)),
        Value::Source(id) => push_text(out, &names.source(id)),
        Value::Fault(id) => push_text(out, &names.fault(id)),
    }
}

fn push_client(out: &mut String, names: &Names, value: Value, client: Client, prefix: &str) {
    match names.quoted(value).and_then(|quoted| quoted.strip_prefix('"')) {
        Some(rest) => {
            out.push_str(prefix);
            out.push_str(rest);
        }
        None => push_text(out, &names.client(client)),
    }
}

/// Appends an integer, as text above 2^53.
fn push_number(out: &mut String, number: u64) {
    if number > LARGEST_EXACT {
        out.push('"');
        push_digits(out, number);
        out.push('"');
    } else {
        push_digits(out, number);
    }
}

fn push_digits(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

fn push_address(out: &mut String, address: IpAddr) {
    out.push('"');
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push('.');
                }
                push_digits(out, u64::from(octet));
            }
        }
        IpAddr::V6(address) => out.push_str(&address.to_string()),
    }
    out.push('"');
}

/// Appends a JSON text.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                control if control < ' ' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(control));
                }
                other => out.push(other),
            }
        }
    }
    out.push('"');
}

//! JSON lines in: names become numbers again, and the records are the very ones that were written.

use std::io::BufRead;
use std::net::IpAddr;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::PodId;
use sim_core::model::settings::Subnet;
use sim_core::trace::fields::{Client, FieldType, Suffix, TemplateHash, Value};
use sim_core::trace::words::{
    AddressPart, ChoiceRule, DeleteReason, DropReason, End, ExitReason, Outcome, PendingReason, ProbeKind, SegmentKind,
    TranslationRule,
};
use sim_core::trace::{Body, Level, Record, TraceHeader};

use super::error::TraceError;
use super::jsonl_header;
use super::jsonl_line::{Line, Scalar};
use super::ladder::LADDER;
use super::level_from_name;
use super::names::Names;

/// Reads a JSONL trace, record by record.
pub struct JsonlReader<R> {
    input: R,
    names: Names,
    level: Level,
    line: u64,
    last: u64,
    text: String,
    failed: bool,
}

impl<R: BufRead> JsonlReader<R> {
    /// Reads the header.
    pub fn open(mut input: R) -> Result<Self, TraceError> {
        let mut text = String::new();
        input.read_line(&mut text).map_err(not_text)?;
        let (header, level) = jsonl_header::from_line(&text)?;
        let level = match level_from_name(&level) {
            Some(level) => level,
            None if level == LADDER => return Err(TraceError::Ladder),
            None => return Err(TraceError::Header(format!("there is no level `{level}`"))),
        };
        Ok(Self { input, names: Names::new(&header), level, line: 1, last: 0, text, failed: false })
    }

    /// The header.
    pub fn header(&self) -> &TraceHeader {
        self.names.header()
    }

    /// The level that was written.
    pub fn level(&self) -> Level {
        self.level
    }

    fn read(&mut self) -> Result<Option<Record>, TraceError> {
        self.text.clear();
        if self.input.read_line(&mut self.text).map_err(not_text)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if !self.text.ends_with('\n') {
            return Err(TraceError::Cut { after: self.last });
        }
        let at_line = |message: String| TraceError::Line { line: self.line, message };
        let line: Line<'_> = serde_json::from_str(&self.text)
            .map_err(|error| at_line(format!("no JSON object of integers and texts: {error}")))?;
        let record = parse(&line, &mut self.names).map_err(at_line)?;
        self.last = record.id;
        Ok(Some(record))
    }
}

impl<R: BufRead> Iterator for JsonlReader<R> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let result = self.read().transpose()?;
        self.failed = result.is_err();
        Some(result)
    }
}

/// A text file that is not UTF-8 is no trace; everything else is the file system's trouble.
fn not_text(error: std::io::Error) -> TraceError {
    if error.kind() == std::io::ErrorKind::InvalidData { TraceError::NotATrace } else { error.into() }
}

fn parse(line: &Line<'_>, names: &mut Names) -> Result<Record, String> {
    let number = |key: &str| match line.get(key) {
        Some(Scalar::Null) => Ok(0),
        Some(value) => value.number().ok_or_else(|| format!("`{key}` is no integer")),
        None => Err(format!("`{key}` is missing")),
    };
    let (id, time) = (number("id")?, SimTime::from_nanos(number("t")?));
    let (cause, because) = (number("cause")?, number("because")?);
    let kind = line.get("kind").and_then(Scalar::text).ok_or("`kind` is missing")?;
    let mut problem = None;
    let body = Body::from_values(kind, &mut |name, field_type| {
        let value = match line.get(name) {
            Some(json) => value(json, field_type, kind, names),
            None => None,
        };
        if value.is_none() && problem.is_none() {
            problem = Some(format!("`{name}` of a {kind} record is missing or makes no sense"));
        }
        value
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    let body = body.ok_or_else(|| format!("`{kind}` is no kind of record, or one of its fields is out of range"))?;
    let record = Record { id, time, cause, because, body };
    names.learn(&record);
    Ok(record)
}

fn value(json: &Scalar<'_>, field_type: FieldType, kind: &str, names: &Names) -> Option<Value> {
    match field_type {
        FieldType::OptionalPod | FieldType::OptionalNode | FieldType::Ends if json.is_null() => Some(Value::Nothing),
        FieldType::U64 | FieldType::U32 | FieldType::U16 | FieldType::U8 => json.number().map(Value::Number),
        FieldType::Word(list) => word(list, json.text()?).map(Value::Word),
        FieldType::Node | FieldType::OptionalNode => names.node_number(json.text()?).map(Value::Node),
        FieldType::Link => names.link_number(json.text()?).map(Value::Link),
        FieldType::Workload => names.workload_number(json.text()?).map(Value::Workload),
        FieldType::Service => names.service_number(json.text()?).map(Value::Service),
        FieldType::ServicePort => names.service_port_number(json.text()?).map(Value::ServicePort),
        FieldType::Source => names.source_number(json.text()?).map(Value::Source),
        FieldType::Fault => names.fault_number(json.text()?).map(Value::Fault),
        FieldType::Pod if kind == "pod-created" => Some(Value::Pod(PodId(u32::try_from(json.number()?).ok()?))),
        FieldType::Pod | FieldType::OptionalPod => names.pod_number(json.text()?).map(Value::Pod),
        FieldType::Client => client(json, names).map(Value::Client),
        FieldType::Address => json.text()?.parse::<IpAddr>().ok().map(Value::Address),
        FieldType::Subnet => subnet(json.text()?).map(Value::Subnet),
        FieldType::Ends => json.text()?.parse().ok().map(Value::Ends),
        FieldType::Suffix => suffix(json).map(Value::Suffix),
        FieldType::TemplateHash => Some(Value::TemplateHash(TemplateHash::of(json.text()?))),
    }
}

fn word(list: &str, word: &str) -> Option<&'static str> {
    match list {
        "Outcome" => Outcome::from_word(word).map(Outcome::word),
        "End" => End::from_word(word).map(End::word),
        "ExitReason" => ExitReason::from_word(word).map(ExitReason::word),
        "PendingReason" => PendingReason::from_word(word).map(PendingReason::word),
        "DeleteReason" => DeleteReason::from_word(word).map(DeleteReason::word),
        "SegmentKind" => SegmentKind::from_word(word).map(SegmentKind::word),
        "DropReason" => DropReason::from_word(word).map(DropReason::word),
        "ChoiceRule" => ChoiceRule::from_word(word).map(ChoiceRule::word),
        "TranslationRule" => TranslationRule::from_word(word).map(TranslationRule::word),
        "AddressPart" => AddressPart::from_word(word).map(AddressPart::word),
        "ProbeKind" => ProbeKind::from_word(word).map(ProbeKind::word),
        _ => None,
    }
}

fn client(json: &Scalar<'_>, names: &Names) -> Option<Client> {
    if json.is_null() {
        return Some(Client::None);
    }
    let (what, name) = json.text()?.split_once('/')?;
    match what {
        "pod" => names.pod_number(name).map(Client::Pod),
        "node" => names.node_number(name).map(Client::Node),
        _ => None,
    }
}

fn subnet(text: &str) -> Option<Subnet> {
    let (address, prefix) = text.split_once('/')?;
    Some(Subnet { address: address.parse().ok()?, prefix: prefix.parse().ok()? })
}

fn suffix(json: &Scalar<'_>) -> Option<Suffix> {
    if json.is_null() {
        return Some(Suffix::NONE);
    }
    let bytes: Option<Vec<u8>> = json.text()?.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
    Some(Suffix(bytes?.try_into().ok()?))
}

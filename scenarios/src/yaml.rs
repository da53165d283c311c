//! All YAML stays behind this file: `serde_yaml` gives the data, `saphyr-parser` the positions.
//! Data come out as JSON values with merge keys applied; positions by (document, JSON pointer).

use std::collections::{HashMap, HashSet};
use std::fmt;

use saphyr_parser::{Event, Parser, Span};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not usable YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// It does not parse.
    Syntax,
    /// A mapping holds a key twice.
    DuplicateKey,
    /// It is a template of some other tool.
    Template,
    /// Aliases or nesting go beyond every use.
    Limit,
}

/// A problem of the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) message: String,
    /// Byte offset and length.
    pub(crate) span: (usize, usize),
    pub(crate) help: Option<String>,
}

/// A parsed text.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The documents in order; an empty one is `Null`.
    pub(crate) documents: Vec<Value>,
    /// Where each key and value stands.
    pub(crate) spans: SpanIndex,
    /// What is wrong with the text.
    pub(crate) problems: Vec<Problem>,
}

/// Byte spans of keys and values by document and JSON pointer.
#[derive(Debug, Default)]
pub(crate) struct SpanIndex {
    entries: HashMap<(usize, String), Entry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: Option<(usize, usize)>,
    value: (usize, usize),
    container: bool,
}

impl SpanIndex {
    /// The span of a pointer, or of its nearest ancestor that has one (a path below a merge key has none).
    /// A key's span is taken when it is asked for, or when the value is a whole list or mapping.
    pub(crate) fn find(&self, document: usize, pointer: &str, on_key: bool) -> Option<(usize, usize)> {
        let mut path = pointer;
        loop {
            if let Some(entry) = self.entries.get(&(document, path.to_owned())) {
                let exact = path.len() == pointer.len();
                let wants_key = (on_key && exact) || entry.container;
                return Some(entry.key.filter(|_| wants_key).unwrap_or(entry.value));
            }
            path = &path[..path.rfind('/')?];
        }
    }
}

/// One segment of a JSON pointer, escaped.
pub(crate) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// A segment of a JSON pointer as it was before [`escape`].
pub(crate) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Reads all documents of a text; never fails, but may report problems instead of documents.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if let Some(problem) = unfolds_too_far(text) {
        parsed.problems.push(problem);
        return parsed;
    }
    index(text, &mut parsed);
    for document in serde_yaml::Deserializer::from_str(text) {
        match Tree::deserialize(document) {
            Ok(Tree(mut value)) => {
                apply_merge_keys(&mut value);
                parsed.documents.push(value);
            }
            Err(error) => {
                let duplicate = parsed.problems.iter().any(|problem| problem.kind == ProblemKind::DuplicateKey);
                if !duplicate || !error.to_string().contains("duplicate") {
                    parsed.problems.push(problem_of(text, &error));
                }
                break;
            }
        }
    }
    parsed
}

/// A single value, as a user types it after `--set path=`.
pub(crate) fn parse_value(text: &str) -> Result<Value, String> {
    serde_yaml::from_str::<Tree>(text).map(|tree| tree.0).map_err(|error| error.to_string())
}

/// The value as YAML in block style.
pub(crate) fn to_text(value: &Value) -> String {
    serde_yaml::to_string(value).expect("a JSON value has text keys only, so it can be written as YAML")
}

fn problem_of(text: &str, error: &serde_yaml::Error) -> Problem {
    let message = error.to_string();
    let place = error.location().map(|at| byte_offset(text, at.line(), at.column()));
    let start = place.unwrap_or(0).min(text.len());
    let span = (start, text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8));
    if let Some(braces) = text.find("{{") {
        return Problem {
            kind: ProblemKind::Template,
            message: "this is a template, not YAML".to_owned(),
            span: (braces, 2),
            help: Some("render it first, for example with `helm template`, and use its output".to_owned()),
        };
    }
    if message.contains("repetition limit") || message.contains("recursion limit") {
        return limit_problem(text, &message);
    }
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    let tab = indent.find('\t').map(|column| line_start + column);
    let help = tab.map(|_| "YAML does not allow tabs as indentation; use spaces".to_owned());
    Problem { kind: ProblemKind::Syntax, message, span: tab.map_or(span, |offset| (offset, 1)), help }
}

/// Byte offset of a 1-based line and column, columns counted in characters.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[line_start..];
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(offset, _)| offset);
    line_start + within
}

/// A value that takes the last of duplicate keys, so that all other problems still come to light.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Tree(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key_seed(KeySeed)? {
            let Tree(value) = access.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    /// A tagged value is read without its tag.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (_tag, contents): (Tree, _) = access.variant()?;
        contents.newtype_variant::<Tree>().map(|tree| tree.0)
    }
}

/// A key: any scalar, as text.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match Tree::deserialize(deserializer)?.0 {
            Value::String(text) => Ok(text),
            Value::Null => Ok("null".to_owned()),
            scalar @ (Value::Bool(_) | Value::Number(_)) => Ok(scalar.to_string()),
            Value::Array(_) | Value::Object(_) => Err(serde::de::Error::custom("a key must be a scalar")),
        }
    }
}

/// Replaces `<<: mapping` (or a list of mappings) by the entries that the mapping does not have itself.
fn apply_merge_keys(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(apply_merge_keys),
        Value::Object(map) => {
            map.values_mut().for_each(apply_merge_keys);
            let merged = match map.get("<<") {
                Some(Value::Object(_)) => map.shift_remove("<<").into_iter().collect(),
                Some(Value::Array(items)) if items.iter().all(Value::is_object) => match map.shift_remove("<<") {
                    Some(Value::Array(items)) => items,
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            for (key, entry) in merged.into_iter().filter_map(into_object).flatten() {
                map.entry(key).or_insert(entry);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    let Value::Object(map) = value else { return None };
    Some(map)
}

/// A list or mapping that is being read.
struct Frame {
    path: String,
    /// `None` in a list; in a mapping the key that waits for its value.
    keys: Option<Keys>,
    next: usize,
}

#[derive(Default)]
struct Keys {
    seen: HashSet<String>,
    pending: Option<(String, (usize, usize))>,
}

struct Indexer<'a> {
    text: &'a str,
    /// The byte offset of each character, and of the end: saphyr counts characters.
    offsets: Vec<usize>,
    document: usize,
    stack: Vec<Frame>,
    parsed: &'a mut Parsed,
}

/// The reader of the data refuses texts that nest deeper than 128; pointers into them would only cost memory.
const DEEPEST: usize = 130;

/// Bytes that the aliases of a text may add to it; people's files add a few thousand.
const MOST_UNFOLDED: u64 = 16 << 20;

/// Adds up what a text's aliases unfold to, without unfolding them.
fn unfolds_too_far(text: &str) -> Option<Problem> {
    let mut anchors: HashMap<usize, u64> = HashMap::new();
    let mut stack: Vec<(usize, u64)> = vec![(0, 0)];
    for event in Parser::new_from_str(text) {
        let Ok((event, _)) = event else { return None };
        let (anchor, size) = match event {
            Event::Scalar(value, _, anchor, _) => (anchor, value.len() as u64 + 1),
            Event::Alias(anchor) => (0, anchors.get(&anchor).copied().unwrap_or_default()),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                stack.push((anchor, 1));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => stack.pop().unwrap_or_default(),
            Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing | Event::StreamStart | Event::StreamEnd => {
                continue;
            }
        };
        anchors.insert(anchor, size);
        let (_, sum) = stack.last_mut()?;
        *sum = sum.saturating_add(size);
        if *sum > MOST_UNFOLDED + text.len() as u64 {
            return Some(limit_problem(text, &format!("its aliases add more than {} MiB", MOST_UNFOLDED >> 20)));
        }
        if stack.len() > DEEPEST {
            return None;
        }
    }
    None
}

fn limit_problem(text: &str, message: &str) -> Problem {
    Problem {
        kind: ProblemKind::Limit,
        message: format!("the document unfolds beyond every limit: {message}"),
        span: text.find('&').map_or((0, 0), |anchor| (anchor, 1)),
        help: Some("aliases that name one another multiply; write the values out".to_owned()),
    }
}

/// One pass over the events; aliases are not followed, so the index stays as small as the text.
fn index(text: &str, parsed: &mut Parsed) {
    let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let mut indexer = Indexer { text, offsets, document: 0, stack: Vec::new(), parsed };
    for event in Parser::new_from_str(text) {
        // A text that does not parse is reported once, by the reader of the data.
        let Ok((event, span)) = event else { break };
        indexer.on_event(&event, span);
        if indexer.stack.len() > DEEPEST {
            break;
        }
    }
}

impl Indexer<'_> {
    fn on_event(&mut self, event: &Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, ..) => self.scalar(text, self.bytes(span)),
            Event::Alias(_) => self.scalar("*", self.bytes(span)),
            Event::SequenceStart(..) => self.open(self.bytes(span), false),
            Event::MappingStart(..) => self.open(self.bytes(span), true),
            Event::SequenceEnd | Event::MappingEnd => {
                self.stack.pop();
            }
            Event::DocumentEnd => {
                self.document += 1;
                self.stack.clear();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }

    fn bytes(&self, span: Span) -> (usize, usize) {
        let at = |index: usize| self.offsets.get(index).copied().unwrap_or(self.text.len());
        let (start, end) = (at(span.start.index()), at(span.end.index()));
        let text = &self.text[start..end.max(start)];
        (start, text.trim_end().len())
    }

    fn scalar(&mut self, text: &str, span: (usize, usize)) {
        let document = self.document;
        if let Some(Frame { path, keys: Some(keys), .. }) = self.stack.last_mut()
            && keys.pending.is_none()
        {
            if text != "<<" && !keys.seen.insert(text.to_owned()) {
                self.parsed.problems.push(Problem {
                    kind: ProblemKind::DuplicateKey,
                    message: format!("the key `{text}` stands twice in one mapping"),
                    span,
                    help: Some("keep one of the two".to_owned()),
                });
            }
            if let Some(entry) = self.parsed.spans.entries.get_mut(&(document, path.clone()))
                && entry.value.1 == 0
            {
                entry.value = (entry.value.0, (span.0 + span.1).saturating_sub(entry.value.0));
            }
            keys.pending = Some((text.to_owned(), span));
            return;
        }
        let (path, key) = self.next_place();
        self.parsed.spans.entries.insert((document, path), Entry { key, value: span, container: false });
    }

    fn open(&mut self, span: (usize, usize), mapping: bool) {
        let (path, key) = self.next_place();
        let entry = Entry { key, value: (span.0, 0), container: true };
        self.parsed.spans.entries.insert((self.document, path.clone()), entry);
        self.stack.push(Frame { path, keys: mapping.then(Keys::default), next: 0 });
    }

    /// The pointer of the value that comes next, and the span of its key.
    fn next_place(&mut self) -> (String, Option<(usize, usize)>) {
        let Some(frame) = self.stack.last_mut() else { return (String::new(), None) };
        if let Some(keys) = &mut frame.keys {
            let (key, span) = keys.pending.take().unwrap_or_default();
            return (format!("{}/{}", frame.path, escape(&key)), Some(span));
        }
        frame.next += 1;
        (format!("{}/{}", frame.path, frame.next - 1), None)
    }
}

//! The leaves of files: quantities as text, short forms, lists and mappings that accept an empty value.
//! Quantities are kept as written and are read where their place is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reads a text or a number, as text.
struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }
}

macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident = $pattern:literal, $example:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ScalarVisitor).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "number"], "pattern": $pattern, "examples": [$example] })
            }
        }
    )*};
}

text_types! {
    /// A Go duration.
    DurationText = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h))+)$", "1m30s";
    /// Bits per second.
    BandwidthText = r"^[0-9.]+ ?[KkMGT]?bps$", "10Gbps";
    /// Bytes.
    SizeText = r"^[0-9.]+ ?([kKMG]i?)?B?$", "4KiB";
    /// A share of a hundred.
    PercentText = r"^[0-9.]+ ?%$", "0.1%";
    /// An address block.
    SubnetText = r"^[0-9.]+/[0-9]+$", "10.244.0.0/16";
    /// A range of ports.
    PortRangeText = r"^[0-9]+-[0-9]+$", "30000-32767";
    /// A number, or a duration.
    BoundText = r"^-?[0-9.]+([eE][-+]?[0-9]+)?$|^([0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$", "0.95";
    /// A port, `HOST:CONTAINER` or `CONTAINER` alone.
    PublishText = r"^[0-9]+(:[0-9]+)?$", "8080:80";
    /// A name from a list that the documentation gives.
    NameText = r"^.+$", "name";
}

/// A list that may be left empty; its items keep their places even when one is unreadable.
#[derive(Clone, Debug)]
pub struct List<T>(pub Vec<(usize, T)>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// The items with their places in the file's list.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0.iter().map(|(index, item)| (*index, item))
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<List<T>, A::Error> {
        let mut items = Vec::new();
        let mut index = 0;
        while let Some(item) = access.next_element::<Option<T>>()? {
            items.extend(item.map(|item| (index, item)));
            index += 1;
        }
        Ok(List(items))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

/// A mapping from names that the file chooses; it may be left empty.
#[derive(Clone, Debug)]
pub struct Dict<T>(pub BTreeMap<String, T>);

impl<T> Default for Dict<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

struct DictVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for DictVisitor<T> {
    type Value = Dict<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_unit<E>(self) -> Result<Dict<T>, E> {
        Ok(Dict::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Dict<T>, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry()? {
            map.insert(key, value);
        }
        Ok(Dict(map))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Dict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DictVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Dict<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Dict_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// A replaceable part: `kind` names it, the other keys are its parameters; the registry knows both.
#[derive(Clone, Debug, Default)]
pub struct Part(pub serde_json::Map<String, Value>);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Part {
    fn schema_name() -> Cow<'static, str> {
        "Part".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A replaceable part: `kind` names it, the other keys are its parameters.",
            "required": ["kind"],
            "properties": { "kind": { "type": "string" } },
            "additionalProperties": true,
        })
    }
}

/// Either a text, or the long form.
#[derive(Clone, Debug)]
pub enum Short<T> {
    /// The short form.
    Text(String),
    /// The long form.
    Long(T),
}

struct ShortVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ShortVisitor<T> {
    type Value = Short<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a mapping")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Short<T>, E> {
        Ok(Short::Text(value.to_owned()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Short<T>, E> {
        Ok(Short::Text(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Short<T>, E> {
        Ok(Short::Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Short<T>, E> {
        Ok(Short::Text(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Short<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(Short::Long)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Short<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Short_or_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<T>()] })
    }
}

/// Names as a list, as a mapping's keys, or one alone: compose's `depends_on`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<(String, String)>);

/// A mapping none of whose keys is modelled.
#[derive(Deserialize)]
struct NoKeys {}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names or a mapping by name")
    }

    fn visit_unit<E>(self) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_str<E>(self, value: &str) -> Result<Names, E> {
        Ok(Names(vec![(value.to_owned(), String::new())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = access.next_element::<String>()? {
            names.push((name, names.len().to_string()));
        }
        Ok(Names(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = access.next_entry::<String, Option<NoKeys>>()? {
            names.push((name.clone(), name));
        }
        Ok(Names(names))
    }
}

impl<'de> Deserialize<'de> for Names {
    /// Each name with the last segment of its pointer.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A boolean; `yes`, `no`, `on` and `off` are read as YAML 1.1 reads them, and remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag {
    /// Its value.
    pub value: bool,
    /// True when it was written as YAML 1.1 has it.
    pub lenient: bool,
}

impl Flag {
    /// Its value; `tell` gets the words for one that only YAML 1.1 takes for a boolean.
    pub(crate) fn read(self, tell: impl FnOnce(String)) -> bool {
        if self.lenient {
            tell(format!("read as {}, as YAML 1.1 does", self.value));
        }
        self.value
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag { value, lenient: false })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Ok(Flag { value: true, lenient: true }),
            "no" | "off" | "n" => Ok(Flag { value: false, lenient: true }),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A typed text read from a plain one.
pub(crate) fn from_text<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}

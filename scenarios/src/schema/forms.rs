//! Types of the format with more than one form, written out so that an error keeps its path.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::values::{DurationText, List};
use super::{ActionSpec, CableSpec, FaultSpec, LinkProfileSpec, LinksSpec, NodeCount, NodeSpec, NodesSpec};

struct NodesVisitor;

impl<'de> Visitor<'de> for NodesVisitor {
    type Value = NodesSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{count, zones} or a list of {name, zone}")
    }

    fn visit_u64<E>(self, count: u64) -> Result<NodesSpec, E> {
        let count = Some(u32::try_from(count).unwrap_or(u32::MAX));
        Ok(NodesSpec::Count(NodeCount { count, zones: List::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<NodesSpec, A::Error> {
        NodeCount::deserialize(MapAccessDeserializer::new(access)).map(NodesSpec::Count)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<NodesSpec, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(access)).map(NodesSpec::Named)
    }
}

impl<'de> Deserialize<'de> for NodesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodesVisitor)
    }
}

impl JsonSchema for NodesSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Nodes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let counted = generator.subschema_for::<NodeCount>();
        let named = generator.subschema_for::<List<NodeSpec>>();
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, counted, named] })
    }
}

struct LinksVisitor;

impl<'de> Visitor<'de> for LinksVisitor {
    type Value = LinksSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{latency, bandwidth, queue, loss} or a list of {from, to}")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<LinksSpec, A::Error> {
        LinkProfileSpec::deserialize(MapAccessDeserializer::new(access)).map(LinksSpec::Profile)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<LinksSpec, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(access)).map(LinksSpec::Explicit)
    }
}

impl<'de> Deserialize<'de> for LinksSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LinksVisitor)
    }
}

impl JsonSchema for LinksSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Links".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let profile = generator.subschema_for::<LinkProfileSpec>();
        let listed = generator.subschema_for::<List<CableSpec>>();
        json_schema!({ "anyOf": [profile, listed] })
    }
}

impl<'de> Deserialize<'de> for FaultSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for FaultSpec {
    fn schema_name() -> Cow<'static, str> {
        "FaultSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<DurationText>();
        json_schema!({
            "type": "object",
            "description": "What breaks; the victim stands under the key that the kind asks for.",
            "required": ["name", "kind"],
            "properties": {
                "name": { "type": "string", "description": "Its name, unique." },
                "at": duration,
                "kind": { "type": "string", "description": "The fault kind." },
                "for": duration,
                "mtbf": duration,
                "mttr": duration,
            },
            "additionalProperties": true,
        })
    }
}

impl<'de> Deserialize<'de> for ActionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for ActionSpec {
    fn schema_name() -> Cow<'static, str> {
        "ActionSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<DurationText>();
        json_schema!({
            "type": "object",
            "description": "What is changed on purpose; what it concerns stands under the keys that the kind asks for.",
            "required": ["name", "kind"],
            "properties": {
                "name": { "type": "string", "description": "Its name, unique among actions and faults." },
                "at": duration,
                "after": { "type": "string", "description": "The action that must have completed." },
                "delay": duration,
                "kind": { "type": "string", "description": "The action kind." },
            },
            "additionalProperties": true,
        })
    }
}

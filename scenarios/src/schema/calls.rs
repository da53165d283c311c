//! Calls between workloads, and what traffic shares with them: retries, hedging, ejection, connections.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::PayloadSpec;
use super::values::{DurationText, List, NameText, PercentText};

/// A step of a workload's plan.
#[derive(Clone, Debug)]
pub enum StepSpec {
    /// A call with nothing set: its target.
    Text(String),
    /// A call.
    Call(Box<CallSpec>),
    /// Steps at once; inside them, a list is steps in order again.
    List(List<StepSpec>),
}

/// A call that a workload makes for each request it serves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallSpec {
    /// Its name among the calls of the workload (its target).
    pub name: Option<String>,
    /// `service/NAME:PORT`, `dns/NAME:PORT`, or `pod/NAME:PORT`, or `deployment/NAME#INDEX:PORT`.
    #[schemars(required)]
    pub to: Option<String>,
    /// Share of the requests in which it is made (100%).
    pub probability: Option<PercentText>,
    /// How often it is made, one after the other (1).
    pub repeat: Option<u32>,
    /// `fail` or `ignore`: what its failure does to the caller's own request (fail).
    pub on_failure: Option<NameText>,
    /// What is sent.
    pub request: Option<PayloadSpec>,
    /// What comes back.
    pub response: Option<PayloadSpec>,
    /// The client gives a connect up after this time.
    pub connect_timeout: Option<DurationText>,
    /// The client gives an attempt up after this time.
    pub timeout: Option<DurationText>,
    /// The request with all its attempts, and every call made for it, ends by then.
    pub deadline: Option<DurationText>,
    /// When a failed attempt is followed by another.
    pub retries: Option<RetriesSpec>,
    /// A second attempt starts beside the first one after this time.
    pub hedge_after: Option<DurationText>,
    /// When an address that fails is left out.
    pub outlier_ejection: Option<OutlierEjectionSpec>,
    /// How connections are kept.
    pub connections: Option<ConnectionsSpec>,
    /// Keepalive probes of the client's kernel.
    pub tcp_keepalive: Option<TcpKeepaliveSpec>,
    /// `TCP_USER_TIMEOUT` of the client's sockets.
    pub tcp_user_timeout: Option<DurationText>,
    /// `nonblocking` or `blocking`: how the client waits for `connect()` (nonblocking).
    pub connect: Option<NameText>,
    /// `tcp` or `udp`: which of the ports of one number is meant (the port's own protocol).
    pub protocol: Option<NameText>,
    /// `per-attempt`, `per-request` or `kept`: what shares a UDP socket (per-request).
    pub socket: Option<NameText>,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetriesSpec {
    /// Most attempts, the first one included (3).
    pub attempts: Option<u32>,
    /// After which failures: `connect`, `reset`, `timeout`, `5xx` (connect and reset).
    pub retry_on: List<NameText>,
    /// Retry n waits for a random part of this times 2^(n-1), at most ten times this (25ms).
    pub backoff: Option<DurationText>,
    /// Share of requests that may be retried (no limit).
    pub budget: Option<PercentText>,
}

/// When an address that fails is left out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierEjectionSpec {
    /// So many failures in a row (5).
    pub consecutive_failures: Option<u32>,
    /// It is left out for this long (30s).
    pub ejection_time: Option<DurationText>,
    /// At most this share of the addresses is left out at one time (10%; Envoy allows one address in any case).
    pub max_ejected: Option<PercentText>,
}

/// How connections are kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionsSpec {
    /// Most connections that one client keeps; 0 opens one for each request (0).
    pub pool: Option<u32>,
    /// Most of them to one address (as many as `pool`).
    pub per_host: Option<u32>,
    /// A connection without a request for this long is closed (never).
    pub idle_timeout: Option<DurationText>,
    /// A connection older than this takes no further request (none).
    pub max_age: Option<DurationText>,
    /// A connection takes so many requests (no limit).
    pub max_requests: Option<u32>,
    /// Requests that a connection carries at once: more than 1 is HTTP/2 or gRPC (1).
    pub streams: Option<u32>,
}

/// Keepalive probes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TcpKeepaliveSpec {
    /// `tcp_keepalive_time` (7200s).
    pub time: Option<DurationText>,
    /// `tcp_keepalive_intvl` (75s).
    pub interval: Option<DurationText>,
    /// `tcp_keepalive_probes` (9).
    pub probes: Option<u32>,
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = StepSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target such as service/NAME:PORT, a call {to, ...}, or a list of calls made at once")
    }

    fn visit_str<E: Error>(self, target: &str) -> Result<StepSpec, E> {
        Ok(StepSpec::Text(target.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<StepSpec, A::Error> {
        CallSpec::deserialize(MapAccessDeserializer::new(access)).map(|call| StepSpec::Call(Box::new(call)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<StepSpec, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(access)).map(StepSpec::List)
    }
}

impl<'de> Deserialize<'de> for StepSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

impl JsonSchema for StepSpec {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let call = generator.subschema_for::<CallSpec>();
        let steps = generator.subschema_for::<List<StepSpec>>();
        json_schema!({ "anyOf": [{ "type": "string" }, call, steps] })
    }
}

//! What clients ask of whom: the part that traffic and calls share, and the calls of each workload.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::Origin;
use sim_core::model::call::{
    Call, Connect, Connections, MOST_ATTEMPTS, OnFailure, OutlierEjection, PlannedCall, Retries, RetryOn, Step,
    TcpKeepalive, WHOLE_PPM,
};
use sim_core::model::ids::WorkloadId;

use super::names::Destination;
use super::{Lowering, Tables, datagrams, names, refs};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, MISSING_KEY, NOT_MODELLED};
use crate::nearest::did_you_mean;
use crate::schema::calls::{CallSpec, ConnectionsSpec, OutlierEjectionSpec, RetriesSpec, StepSpec, TcpKeepaliveSpec};
use crate::schema::values::{DurationText, List, NameText, PercentText};
use crate::schema::{PayloadSpec, TrafficSpec};
use crate::{synthetic, units};

/// Payload of a request whose size the scenario leaves open (assumption: a small GET).
const DEFAULT_REQUEST_BYTES: u64 = 200;
/// Payload of a response whose size the scenario leaves open (assumption: a small page).
const DEFAULT_RESPONSE_BYTES: u64 = 4_096;
/// Most repetitions of a call; beyond this, somebody mistyped.
const MOST_REPETITIONS: u32 = 10_000;

/// The keys that a traffic source and a call share.
pub(super) struct Shared<'a> {
    request: Option<&'a PayloadSpec>,
    response: Option<&'a PayloadSpec>,
    connect_timeout: Option<&'a DurationText>,
    timeout: Option<&'a DurationText>,
    deadline: Option<&'a DurationText>,
    retries: Option<&'a RetriesSpec>,
    hedge_after: Option<&'a DurationText>,
    outlier_ejection: Option<&'a OutlierEjectionSpec>,
    connections: Option<&'a ConnectionsSpec>,
    tcp_keepalive: Option<&'a TcpKeepaliveSpec>,
    tcp_user_timeout: Option<&'a DurationText>,
    connect: Option<&'a NameText>,
    socket: Option<&'a NameText>,
}

macro_rules! shared {
    ($given:expr) => {
        Shared {
            request: $given.request.as_ref(),
            response: $given.response.as_ref(),
            connect_timeout: $given.connect_timeout.as_ref(),
            timeout: $given.timeout.as_ref(),
            deadline: $given.deadline.as_ref(),
            retries: $given.retries.as_ref(),
            hedge_after: $given.hedge_after.as_ref(),
            outlier_ejection: $given.outlier_ejection.as_ref(),
            connections: $given.connections.as_ref(),
            tcp_keepalive: $given.tcp_keepalive.as_ref(),
            tcp_user_timeout: $given.tcp_user_timeout.as_ref(),
            connect: $given.connect.as_ref(),
            socket: $given.socket.as_ref(),
        }
    };
}

impl<'a> From<&'a TrafficSpec> for Shared<'a> {
    fn from(given: &'a TrafficSpec) -> Self {
        shared!(given)
    }
}

impl<'a> From<&'a CallSpec> for Shared<'a> {
    fn from(given: &'a CallSpec) -> Self {
        shared!(given)
    }
}

/// Whose calls are lowered, and the names that they have taken.
struct Caller {
    workload: WorkloadId,
    names: Vec<String>,
}

/// The calls of every workload, once all targets are known.
pub(super) fn lower(ctx: &mut Lowering<'_>, tables: &mut Tables) {
    let place = ctx.place.at("behaviour");
    let spec = ctx.spec;
    for (reference, given) in &spec.behaviour.0 {
        let at = place.at(reference);
        if given.calls.is_empty() {
            continue;
        }
        if synthetic::is_group(reference) {
            let help = "give `calls` to one workload, such as deployment/NAME-1, or let traffic start in the group";
            ctx.sink.help(NOT_MODELLED, &at.at("calls"), "the workloads of a group call nobody", help);
            continue;
        }
        let Some(workload) = refs::workload(reference, ctx.directory, &at.key(), ctx.sink) else { continue };
        let mut caller = Caller { workload, names: Vec::new() };
        let calls = steps(ctx, tables, &given.calls, &at.at("calls"), &mut caller, true);
        tables.workloads[workload.index()].calls = calls;
    }
}

/// Steps in order, or at once; a list among them is the other of the two.
fn steps(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    given: &List<StepSpec>,
    place: &Place,
    caller: &mut Caller,
    in_order: bool,
) -> Vec<Step> {
    let mut lowered = Vec::new();
    if given.is_empty() {
        ctx.sink.report(BAD_VALUE, place, "a step without calls");
    }
    for (index, step) in given.iter() {
        let at = place.item(index);
        match step {
            StepSpec::List(inner) => {
                let inner = steps(ctx, tables, inner, &at, caller, !in_order);
                lowered.push(if in_order { Step::Parallel(inner) } else { Step::Sequence(inner) });
            }
            StepSpec::Text(_) | StepSpec::Call(_) => lowered.extend(one_call(ctx, tables, step, &at, caller)),
        }
    }
    lowered
}

fn one_call(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    step: &StepSpec,
    place: &Place,
    caller: &mut Caller,
) -> Option<Step> {
    let text;
    let (given, at) = match step {
        StepSpec::Text(target) => {
            text = CallSpec { to: Some(target.clone()), ..CallSpec::default() };
            (&text, place.clone())
        }
        StepSpec::Call(given) => (&**given, place.at("to")),
        StepSpec::List(_) => return None,
    };
    let Some(to) = &given.to else {
        ctx.sink.missing(place, "to", "a call needs `to`", "for example `to: service/cart:7070`");
        return None;
    };
    let wanted = datagrams::wanted(ctx, given.protocol.as_ref(), place);
    let target = names::destination(ctx, tables, to, Some(Origin::Workload(caller.workload)), wanted, &at);
    let call = target.map(|target| shared(ctx, target, &Shared::from(given), place));
    let probability_ppm = share(ctx, given.probability.as_ref(), &place.at("probability")).unwrap_or(WHOLE_PPM);
    let repeat = given.repeat.unwrap_or(1);
    if repeat == 0 || repeat > MOST_REPETITIONS {
        let message = format!("a call is made 1 to {MOST_REPETITIONS} times, not {repeat}");
        ctx.sink.report(BAD_VALUE, &place.at("repeat"), message);
    }
    let on_failure = on_failure(ctx, given.on_failure.as_ref(), &place.at("onFailure"));
    let name = call_name(ctx, given, to, place, &mut caller.names);
    Some(Step::Call(Box::new(PlannedCall { name, call: call?, probability_ppm, repeat, on_failure })))
}

/// A call's own name, or its target; targets that come again are numbered.
fn call_name(ctx: &mut Lowering<'_>, given: &CallSpec, to: &str, place: &Place, names: &mut Vec<String>) -> String {
    if let Some(name) = &given.name {
        if names.contains(name) {
            ctx.sink.report(DUPLICATE_NAME, &place.at("name"), format!("two calls are called `{name}`"));
        }
        names.push(name.clone());
        return name.clone();
    }
    let forms = ["service/", "svc/", "dns/"];
    let short = forms.iter().find_map(|form| to.strip_prefix(form)).unwrap_or(to);
    let numbered = (2..).map(|number| format!("{short} #{number}"));
    let free = std::iter::once(short.to_owned()).chain(numbered).find(|name| !names.contains(name));
    let name = free.unwrap_or_default();
    names.push(name.clone());
    name
}

fn on_failure(ctx: &mut Lowering<'_>, given: Option<&NameText>, place: &Place) -> OnFailure {
    match given.map(|text| text.0.as_str()) {
        None | Some("fail") => OnFailure::Fail,
        Some("ignore") => OnFailure::Ignore,
        Some(other) => {
            unknown_word(ctx, other, "consequence of a failure", &["fail", "ignore"], place);
            OnFailure::Fail
        }
    }
}

pub(super) fn unknown_word(ctx: &mut Lowering<'_>, word: &str, what: &str, known: &[&str], place: &Place) {
    let help = did_you_mean(word, known.iter().copied());
    ctx.sink.help(BAD_VALUE, place, format!("`{word}` is no {what}; known: {}", known.join(", ")), &help);
}

/// A share of a hundred in millionths.
pub(super) fn share(ctx: &mut Lowering<'_>, given: Option<&PercentText>, place: &Place) -> Option<u32> {
    ctx.read(given.map(|text| text.0.as_str()), place, units::parts_per_million)
}

/// What a client asks of a target.
pub(super) fn shared(
    ctx: &mut Lowering<'_>,
    (to, lookup, protocol): Destination,
    given: &Shared<'_>,
    place: &Place,
) -> Call {
    let lengths = [
        ("connectTimeout", given.connect_timeout),
        ("timeout", given.timeout),
        ("deadline", given.deadline),
        ("hedgeAfter", given.hedge_after),
    ];
    let [connect_timeout, timeout, deadline, hedge_after] = lengths.map(|(key, text)| {
        let help = "leave it out to wait as long as Linux does";
        above_zero(ctx, text, &place.at(key), help)
    });
    let only_tcp = [
        ("connectTimeout", given.connect_timeout.is_some()),
        ("connections", given.connections.is_some()),
        ("tcpKeepalive", given.tcp_keepalive.is_some()),
        ("tcpUserTimeout", given.tcp_user_timeout.is_some()),
        ("connect", given.connect.is_some()),
    ];
    let datagrams = datagrams::socket(ctx, protocol, given.socket, &only_tcp, place);
    let patience = (datagrams.is_some() && deadline.is_none()).then_some(datagrams::DEFAULT_TIMEOUT);
    Call {
        to,
        request_bytes: bytes(ctx, given.request, &place.at("request"), DEFAULT_REQUEST_BYTES),
        response_bytes: bytes(ctx, given.response, &place.at("response"), DEFAULT_RESPONSE_BYTES),
        connect_timeout,
        timeout: timeout.or(patience),
        deadline,
        retries: given.retries.map(|given| retries(ctx, given, datagrams.is_some(), &place.at("retries"))),
        hedge_after,
        outlier_ejection: given.outlier_ejection.map(|given| ejection(ctx, given, &place.at("outlierEjection"))),
        connections: connections(ctx, given, place),
        lookup,
        datagrams,
        upstreams: None,
    }
}

/// A length that means something only above zero.
fn above_zero(ctx: &mut Lowering<'_>, text: Option<&DurationText>, place: &Place, help: &str) -> Option<SimDuration> {
    let length = ctx.optional_duration(text, place);
    if length.is_some_and(SimDuration::is_zero) {
        ctx.sink.help(BAD_VALUE, place, "a length of zero", help);
    }
    length
}

fn bytes(ctx: &mut Lowering<'_>, given: Option<&PayloadSpec>, place: &Place, default: u64) -> u64 {
    let text = given.and_then(|payload| payload.bytes.as_ref()).map(|text| text.0.as_str());
    ctx.read(text, &place.at("bytes"), units::size).unwrap_or(default)
}

fn retries(ctx: &mut Lowering<'_>, given: &RetriesSpec, datagrams: bool, place: &Place) -> Retries {
    let attempts = given.attempts.unwrap_or(3);
    if attempts == 0 || attempts > MOST_ATTEMPTS {
        let message = format!("a request makes 1 to {MOST_ATTEMPTS} attempts, not {attempts}");
        ctx.sink.help(BAD_VALUE, &place.at("attempts"), message, "the first attempt counts");
    }
    let all = given.retry_on.is_empty();
    // No reset ends an exchange of datagrams; what ends it is patience.
    let mut retry_on =
        RetryOn { connect: all, reset: all && !datagrams, timeout: all && datagrams, server_error: false };
    for (index, word) in given.retry_on.iter() {
        match word.0.as_str() {
            "connect" => retry_on.connect = true,
            "reset" => retry_on.reset = true,
            "timeout" => retry_on.timeout = true,
            "5xx" => retry_on.server_error = true,
            other => {
                let known = ["connect", "reset", "timeout", "5xx"];
                unknown_word(ctx, other, "failure that is retried", &known, &place.at("retryOn").item(index));
            }
        }
    }
    Retries {
        attempts,
        retry_on,
        backoff: ctx.duration(given.backoff.as_ref(), &place.at("backoff"), SimDuration::from_millis(25)),
        budget_ppm: share(ctx, given.budget.as_ref(), &place.at("budget")),
    }
}

fn ejection(ctx: &mut Lowering<'_>, given: &OutlierEjectionSpec, place: &Place) -> OutlierEjection {
    let consecutive_failures = at_least_one(ctx, given.consecutive_failures, 5, &place.at("consecutiveFailures"));
    let ejection_time =
        ctx.duration(given.ejection_time.as_ref(), &place.at("ejectionTime"), SimDuration::from_secs(30));
    let max_ejected = share(ctx, given.max_ejected.as_ref(), &place.at("maxEjected"));
    OutlierEjection { consecutive_failures, ejection_time, max_ejected_ppm: max_ejected.unwrap_or(WHOLE_PPM / 10) }
}

fn at_least_one(ctx: &mut Lowering<'_>, given: Option<u32>, default: u32, place: &Place) -> u32 {
    if given == Some(0) {
        ctx.sink.report(BAD_VALUE, place, "this must be at least 1");
    }
    given.unwrap_or(default)
}

fn connections(ctx: &mut Lowering<'_>, given: &Shared<'_>, place: &Place) -> Connections {
    let at = place.at("connections");
    let mut kept = Connections::default();
    if let Some(given) = given.connections {
        kept.pool = given.pool.unwrap_or(kept.pool);
        kept.per_host = given.per_host.map(|most| at_least_one(ctx, Some(most), 1, &at.at("perHost")));
        kept.idle_timeout = above_zero(ctx, given.idle_timeout.as_ref(), &at.at("idleTimeout"), "");
        kept.max_age = above_zero(ctx, given.max_age.as_ref(), &at.at("maxAge"), "");
        kept.max_requests = given.max_requests.map(|most| at_least_one(ctx, Some(most), 1, &at.at("maxRequests")));
        kept.streams = at_least_one(ctx, given.streams, kept.streams, &at.at("streams"));
        let needs_pool = [
            ("perHost", given.per_host.is_some()),
            ("idleTimeout", given.idle_timeout.is_some()),
            ("maxAge", given.max_age.is_some()),
            ("maxRequests", given.max_requests.is_some()),
            ("streams", given.streams.is_some_and(|streams| streams > 1)),
        ];
        for (key, _) in needs_pool.into_iter().filter(|(_, set)| *set && kept.pool == 0) {
            let help = "say how many connections a client keeps: `pool: 10`";
            ctx.sink.help(MISSING_KEY, &at.at(key), format!("`{key}` means something for kept connections only"), help);
        }
    }
    kept.keepalive = given.tcp_keepalive.map(|given| keepalive(ctx, given, &place.at("tcpKeepalive")));
    kept.user_timeout =
        above_zero(ctx, given.tcp_user_timeout, &place.at("tcpUserTimeout"), "leave it out for Linux' own rule");
    kept.connect = match given.connect.map(|text| text.0.as_str()) {
        None | Some("nonblocking") => Connect::NonBlocking,
        Some("blocking") => Connect::Blocking,
        Some(other) => {
            unknown_word(ctx, other, "way to connect", &["blocking", "nonblocking"], &place.at("connect"));
            Connect::NonBlocking
        }
    };
    kept
}

fn keepalive(ctx: &mut Lowering<'_>, given: &TcpKeepaliveSpec, place: &Place) -> TcpKeepalive {
    // Linux' own: 7200 s, then 9 probes 75 s apart (E7).
    let time = above_zero(ctx, given.time.as_ref(), &place.at("time"), "");
    let interval = above_zero(ctx, given.interval.as_ref(), &place.at("interval"), "");
    TcpKeepalive {
        time: time.unwrap_or(SimDuration::from_secs(7_200)),
        interval: interval.unwrap_or(SimDuration::from_secs(75)),
        probes: at_least_one(ctx, given.probes, 9, &place.at("probes")),
    }
}

//! `podwire curl`: one connection in a running scenario, hop by hop.

use std::io::Write;
use std::sync::Arc;

use reports::curl::{self, Connection, EndError, Goal, Places, Start, Watch, Wires};
use scenarios::units;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::Model;
use sim_core::model::application::{Protocol, ServicePort, Target};
use sim_core::model::ids::ServicePortId;
use sim_core::model::probe::Probe;
use sim_core::trace::{Level, TraceHeader};
use sim_core::world::World;

use crate::args::{CheckFormat, CurlArgs};
use crate::experiment::Unit;
use crate::failure::Failure;
use crate::history::arm_to_show;
use crate::session;

/// Payloads of the request and the response, as traffic has them that says nothing else.
const REQUEST_BYTES: u64 = 200;
const RESPONSE_BYTES: u64 = 4_096;
/// The run goes on in such steps until the request has ended.
const STEP: SimDuration = SimDuration::from_secs(1);

pub(super) fn execute(args: &CurlArgs) -> Result<(), Failure> {
    let at = duration("--at", &args.at)?;
    let timeout = duration("--max-time", &args.max_time)?;
    let connect_timeout =
        args.connect_timeout.as_deref().map(|text| duration("--connect-timeout", text)).transpose()?;
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario();
    let arm = arm_to_show(scenario, args.arm.as_deref())?;
    let unit = Unit { scenario, arm };
    if at >= arm.model.duration {
        return Err(Failure::Usage(format!("--at {at}: the run ends at {}", arm.model.duration)));
    }
    let mut places = Places::new(&unit.header(), SimTime::ZERO + at);
    World::new(Arc::clone(&arm.model), Level::Request).run_until(SimTime::ZERO + at, &mut places);
    let start = curl::start(&args.from, &places).map_err(|error| usage("--from", error))?;
    let goal = curl::goal(&args.target, &start, &places).map_err(|error| usage("TARGET", error))?;
    let shown = Shown { unit, args, start, goal, at };
    let connection = shown.connect(&places, connect_timeout, timeout)?;
    let text = match args.format {
        CheckFormat::Text => connection.text(),
        CheckFormat::Json => connection.json(),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// A connection that is to be shown.
struct Shown<'a> {
    unit: Unit<'a>,
    args: &'a CurlArgs,
    start: Start,
    goal: Goal,
    at: SimDuration,
}

impl Shown<'_> {
    /// Runs the arm with the connection as one more request, to the request's end.
    fn connect(
        self,
        places: &Places,
        connect_timeout: Option<SimDuration>,
        timeout: SimDuration,
    ) -> Result<Connection, Failure> {
        let Self { unit, args, start, goal, at } = self;
        let (model, begin) = (&unit.arm.model, SimTime::ZERO + at);
        let Some(to) = goal.target else {
            let lookup = goal.lookup.ok_or_else(|| Failure::Usage(format!("TARGET: `{}` is none", args.target)))?;
            return Ok(curl::unresolved(&start, &args.target, begin, lookup, places));
        };
        let probe = Probe {
            from: start.origin,
            to: over_tcp(model, to)?,
            at,
            request_bytes: REQUEST_BYTES,
            response_bytes: RESPONSE_BYTES,
            connect_timeout,
            timeout,
        };
        let model = model.with_probe(&probe).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::Usage(problems.join("; "))
        })?;
        let number = model.probe().expect("a model with a probe has one");
        let header = TraceHeader::new(&model, &unit.scenario.name, &unit.scenario.effective, &unit.arm.name);
        let wires = Wires::new(&model.topology, model.source(number).key(), 0);
        let mut watch = Watch::new(&header, number);
        let mut world = World::new(Arc::new(model), Level::Segment);
        world.run_until(begin, &mut watch);
        let last = begin + timeout;
        while !watch.has_ended() && !world.is_stopped() && world.now() < last {
            world.run_until((world.now() + STEP).min(last), &mut watch);
        }
        Ok(curl::hops(&start, &args.target, begin, &goal, &watch, &wires))
    }
}

/// The target's port as TCP has it: a connection to a port of another protocol cannot be shown.
fn over_tcp(model: &Model, to: Target) -> Result<Target, Failure> {
    let Target::Service(port) = to else { return Ok(to) };
    let wanted = model.service_port(port);
    let mut ports = model.service_ports.iter();
    let same = |other: &ServicePort| (other.service, other.port) == (wanted.service, wanted.port);
    let found = ports.position(|other| same(other) && other.protocol == Protocol::Tcp);
    let found = found.map(|place| Target::Service(ServicePortId::from_index(place)));
    found.ok_or_else(|| {
        let (port, protocol) = (wanted.port, wanted.protocol.name());
        Failure::Usage(format!("TARGET: port {port} is a port of {protocol}; `podwire curl` shows TCP connections"))
    })
}

fn duration(option: &str, text: &str) -> Result<SimDuration, Failure> {
    let length = units::duration(text).map_err(|error| Failure::Usage(format!("{option} {text}: {error}")))?;
    if length.is_zero() && option != "--at" || length > SimDuration::from_secs(366 * 86_400) {
        return Err(Failure::Usage(format!("{option} {text}: write a time above zero and up to a year")));
    }
    Ok(length)
}

fn usage(option: &str, error: EndError) -> Failure {
    Failure::Usage(match error {
        EndError::Unknown { message, name, known } => {
            let help = scenarios::did_you_mean(&name, known.iter().map(String::as_str));
            format!("{option}: {message}; {help}")
        }
        EndError::Other(message) => format!("{option}: {message}"),
    })
}

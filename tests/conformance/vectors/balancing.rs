//! Known answers of balancing algorithms: backends in the order of their addition, then what is done, step by step.
//!
//! A case has `name`, `algorithm`, `parameters`, `backends` (each `address`, and `name`, `weight`, `upperThreshold`,
//! `lowerThreshold` where they are not plain) and `operations`, each of one kind:
//!
//! - `picks`: who is picked by one request after the other: numbers of backends in the order of addition, `null` for nobody.
//!   Beside it stand lists that are gone through, again from the start when they are short: `keys` (0 when there is none),
//!   `clients`, `destinations`, `bits` (what random draws give), and `open: true` when each pick becomes an active connection.
//! - `counts`: how often each backend is picked by the keys from 0 to the number in `keys`, exclusively.
//! - `add: {address, weight, ..}`, `remove: address`, `weight: {address, weight}`.
//! - `load: {address, active, inactive}`: connections, as the holder counts them.
//! - `answered: {address, ms}`: a request took so long. `at: seconds`: the clock.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use sim_core::balancing::{self, Backend, Group, Load, Request};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::parameters::{Argument, Arguments, ParameterKind};

use super::{list, only, text};

/// A group that a case plays with.
struct Player {
    group: Group,
    /// In the order of addition, and so in that of the picks' numbers.
    added: Vec<SocketAddr>,
    /// Now in the list, in its order.
    listed: Vec<SocketAddr>,
    now: SimTime,
    /// How often the operation at work has drawn.
    drawn: usize,
}

pub(super) fn check(file: &Value) -> Result<usize, Vec<String>> {
    only(file, &["schema", "source", "cases"]);
    let cases = list(file, "cases");
    assert!(!cases.is_empty(), "no cases");
    let problems: Vec<String> = cases.iter().filter_map(|case| play(case).err()).collect();
    if problems.is_empty() { Ok(cases.len()) } else { Err(problems) }
}

fn play(case: &Value) -> Result<(), String> {
    only(case, &["name", "algorithm", "parameters", "backends", "operations"]);
    let name = text(case, "name");
    let asks = |operation: &Value| !list(operation, "picks").is_empty() || !list(operation, "counts").is_empty();
    assert!(list(case, "operations").iter().any(asks), "{name} asks nothing");
    let algorithm = balancing::find(text(case, "algorithm")).ok_or_else(|| format!("{name}: no such algorithm"))?;
    let mut arguments = Arguments::default();
    for (key, value) in case["parameters"].as_object().into_iter().flatten() {
        let parameter = algorithm.spec.parameters.iter().find(|known| known.name == key);
        let parameter = parameter.ok_or_else(|| format!("{name}: no parameter {key}"))?;
        arguments.set(parameter.name, argument(parameter.kind, value));
    }
    let balancer = algorithm.build(&arguments).ok_or_else(|| format!("{name}: cannot be built"))?;
    let group = Group::new(algorithm, balancer);
    let mut player = Player { group, added: Vec::new(), listed: Vec::new(), now: SimTime::ZERO, drawn: 0 };
    for backend in list(case, "backends") {
        player.add(backend);
    }
    for (number, operation) in list(case, "operations").iter().enumerate() {
        player.operate(operation).map_err(|problem| format!("{name}, operation {}: {problem}", number + 1))?;
    }
    Ok(())
}

fn argument(kind: ParameterKind, value: &Value) -> Argument {
    match kind {
        ParameterKind::Choice { names } => {
            Argument::Choice(names.iter().find(|known| Some(**known) == value.as_str()).expect("a name of the choice"))
        }
        ParameterKind::Factor => Argument::Factor(value.as_u64().expect("thousandths")),
        ParameterKind::Duration => {
            Argument::Duration(SimDuration::from_nanos(value.as_u64().expect("milliseconds") * 1_000_000))
        }
        _ => Argument::Count(value.as_u64().expect("a whole number")),
    }
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{value} is no address:port"))
}

fn number(value: &Value, key: &str, otherwise: u32) -> u32 {
    value.get(key).map_or(otherwise, |it| u32::try_from(it.as_u64().unwrap()).unwrap())
}

/// The `index`-th of a list that begins again at its end.
fn cycled<'a>(operation: &'a Value, key: &str, index: usize) -> Option<&'a Value> {
    let given = list(operation, key);
    (!given.is_empty()).then(|| &given[index % given.len()])
}

impl Player {
    fn add(&mut self, given: &Value) {
        only(given, &["address", "name", "weight", "upperThreshold", "lowerThreshold"]);
        let mut backend = Backend::new(address(&given["address"])).weighing(number(given, "weight", 1));
        if let Some(name) = given["name"].as_str() {
            name.clone_into(&mut backend.name);
        }
        backend.upper_threshold = number(given, "upperThreshold", 0);
        backend.lower_threshold = number(given, "lowerThreshold", 0);
        if !self.added.contains(&backend.address) {
            self.added.push(backend.address);
        }
        self.listed.push(backend.address);
        self.group.add(backend);
    }

    fn operate(&mut self, operation: &Value) -> Result<(), String> {
        let [kind] = ["picks", "counts", "add", "remove", "weight", "load", "answered", "at"]
            .into_iter()
            .filter(|kind| operation.get(kind).is_some())
            .collect::<Vec<_>>()[..]
        else {
            return Err(format!("not of one known kind: {operation}"));
        };
        match kind {
            "picks" => only(operation, &["picks", "keys", "clients", "destinations", "bits", "open"]),
            "counts" => only(operation, &["counts", "keys", "clients", "destinations", "bits"]),
            _ => only(operation, &[kind]),
        }
        let given = &operation[kind];
        self.drawn = 0;
        match kind {
            "picks" => return self.picks(operation),
            "counts" => return self.counts(operation),
            "add" => self.add(given),
            "remove" => {
                self.group.remove(address(given));
                self.listed.retain(|listed| *listed != address(given));
            }
            "weight" => self.group.set_weight(address(&given["address"]), number(given, "weight", 1)),
            "load" => {
                let load = Load { active: number(given, "active", 0), inactive: number(given, "inactive", 0) };
                self.group.set_load(address(&given["address"]), load);
            }
            "answered" => {
                let latency = SimDuration::from_nanos(u64::from(number(given, "ms", 0)) * 1_000_000);
                self.group.answered(address(&given["address"]), latency, self.now);
            }
            _ => self.now = SimTime::ZERO + SimDuration::from_secs(given.as_u64().unwrap()),
        }
        Ok(())
    }

    /// The number of the backend that a request is given to.
    fn pick(&mut self, operation: &Value, index: usize, key: u64) -> Option<usize> {
        let client = cycled(operation, "clients", index).map_or(SocketAddr::from(([10, 0, 0, 1], 40_000)), address);
        let destination = cycled(operation, "destinations", index);
        let destination = destination.map_or(IpAddr::from([10, 96, 0, 1]), |it| it.as_str().unwrap().parse().unwrap());
        let request = Request { key, client, destination, now: self.now };
        let drawn = &mut self.drawn;
        let mut bits = || {
            let bits = cycled(operation, "bits", *drawn).map_or(0, |bits| bits.as_u64().expect("64 bits"));
            *drawn += 1;
            bits
        };
        let place = self.group.pick(&request, &mut bits)?;
        let picked = self.listed[place];
        if operation["open"].as_bool() == Some(true) {
            self.group.opened(picked);
            self.group.established(picked);
        }
        Some(self.added.iter().position(|added| *added == picked).unwrap())
    }

    fn picks(&mut self, operation: &Value) -> Result<(), String> {
        let wanted: Vec<Option<usize>> = list(operation, "picks")
            .iter()
            .map(|pick| pick.as_u64().map(|place| usize::try_from(place).unwrap()))
            .collect();
        let key = |index| cycled(operation, "keys", index).map_or(0, |key| key.as_u64().expect("a key of 64 bits"));
        let found: Vec<Option<usize>> =
            (0..wanted.len()).map(|index| self.pick(operation, index, key(index))).collect();
        if found == wanted { Ok(()) } else { Err(format!("picks {found:?}, not {wanted:?}")) }
    }

    fn counts(&mut self, operation: &Value) -> Result<(), String> {
        let wanted: Vec<u64> = list(operation, "counts").iter().map(|count| count.as_u64().unwrap()).collect();
        let mut found = vec![0; self.added.len()];
        for key in 0..operation["keys"].as_u64().expect("`counts` needs `keys`") {
            if let Some(picked) = self.pick(operation, 0, key) {
                found[picked] += 1;
            }
        }
        if found == wanted { Ok(()) } else { Err(format!("counts {found:?}, not {wanted:?}")) }
    }
}

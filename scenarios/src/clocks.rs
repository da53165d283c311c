//! The clocks of an arm: settings that say how long something waits before it finds out, tells, or tries again. What an
//! outage costs is made of them, so they are what one shortens to see which of them matters.

use std::collections::BTreeMap;

use crate::units;

/// A clock of an arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Its path below `spec`, as `--set` takes it.
    pub path: String,
    /// How long it is, as the settings show it.
    pub value: String,
    /// Half of that, as `--set` takes it.
    pub half: String,
    /// The shortest values to try, the shortest first: not every clock can be zero.
    pub shortest: &'static [&'static str],
}

/// Nothing at all, or as little as a scenario may say.
const NOTHING: &[&str] = &["0s", "1ms", "100ms", "1s"];

/// Leases are renewed every 10 s and a little more (D2, D6), so that a node silent for less is no dead one.
const ABOVE_THE_LEASE: &[&str] = &["11s"];

/// Paths of clocks; a star stands for a name. In the order of an outage: found out, told, programmed, and the client's own.
const CLOCKS: &[(&str, &[&str])] = &[
    ("cluster.nodeMonitorGracePeriod", ABOVE_THE_LEASE),
    ("cluster.nodeMonitorPeriod", NOTHING),
    ("cluster.nodeLeaseRenewInterval", NOTHING),
    ("cluster.plegRelistPeriod", NOTHING),
    ("cluster.controllerLatency", NOTHING),
    ("cluster.kubeProxy.minSyncPeriod", NOTHING),
    ("cluster.kubeProxy.syncDelay", NOTHING),
    ("registry.interval", NOTHING),
    ("registry.timeout", NOTHING),
    ("registry.propagation", NOTHING),
    ("registry.probeInterval", NOTHING),
    ("rescheduler.period", NOTHING),
    ("rescheduler.grace", NOTHING),
    ("swarm.dispatcherHeartbeat", NOTHING),
    ("swarm.restartDelay", NOTHING),
    ("nomad.min_heartbeat_ttl", NOTHING),
    ("nomad.heartbeat_grace", NOTHING),
    ("dns.ttl", NOTHING),
    ("dns.timeout", NOTHING),
    ("frontProxy.proxy_connect_timeout", NOTHING),
    ("frontProxy.proxy_read_timeout", NOTHING),
    ("traffic.*.front.interval", NOTHING),
    ("traffic.*.front.timeout", NOTHING),
    ("traffic.*.connectTimeout", NOTHING),
    ("traffic.*.timeout", NOTHING),
];

/// The clocks among the effective settings of an arm that are longer than nothing.
pub fn clocks(settings: &BTreeMap<String, String>) -> Vec<Clock> {
    let of_pattern = |(pattern, shortest): &(&str, &'static [&'static str])| {
        let matching = settings.iter().filter(|(path, _)| matches(pattern, path));
        matching.filter_map(|(path, value)| clock(path, value, shortest)).collect::<Vec<_>>()
    };
    CLOCKS.iter().flat_map(of_pattern).collect()
}

fn clock(path: &str, value: &str, shortest: &'static [&'static str]) -> Option<Clock> {
    let length = units::duration(value).ok().filter(|length| !length.is_zero())?;
    let half = format!("{}ns", (length.as_nanos() / 2).max(1));
    Some(Clock { path: path.to_owned(), value: value.to_owned(), half, shortest })
}

fn matches(pattern: &str, path: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == path };
    path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_found_by_path_and_by_name() {
        let settings = [
            ("cluster.nodeMonitorGracePeriod", "50s"),
            ("cluster.kubeProxy.syncDelay", "0s"),
            ("cluster.maxPods", "110"),
            ("traffic.curl.connectTimeout", "2s"),
            ("traffic.a.b.timeout", "1s"),
            ("traffic.timeout", "1s"),
        ];
        let settings = settings.map(|(path, value)| (path.to_owned(), value.to_owned())).into_iter().collect();
        let found: Vec<(String, String)> = clocks(&settings).into_iter().map(|it| (it.path, it.half)).collect();
        let wanted = [
            ("cluster.nodeMonitorGracePeriod", "25000000000ns"),
            ("traffic.curl.connectTimeout", "1000000000ns"),
            ("traffic.a.b.timeout", "500000000ns"),
        ];
        assert_eq!(found, wanted.map(|(path, half)| (path.to_owned(), half.to_owned())));
    }

    #[test]
    fn every_clock_is_a_path_that_a_scenario_has() {
        let paths = crate::schema::paths::Paths::new();
        for (pattern, _) in CLOCKS {
            let mut tree = serde_json::json!({"spec": {"traffic": [{"name": "curl"}]}});
            let path = pattern.replace('*', "curl");
            assert!(crate::overrides::set(&mut tree, &path, "1s".into(), &paths).is_ok(), "{path}");
        }
    }
}

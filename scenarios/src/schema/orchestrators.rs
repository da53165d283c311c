//! Settings of orchestrators of Docker hosts, under the names that their administrators know.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use sim_core::kernel::time::SimDuration;
use sim_core::model::orchestrators::{NomadSettings, SwarmSettings};

use super::settings::{BadSetting, Setting, settings};
use super::values::{DurationText, Flag};
use crate::units;

impl Setting<DurationText> for Option<SimDuration> {
    fn read(text: &DurationText) -> Result<Self, String> {
        units::duration(&text.0).map(Some)
    }

    fn show(&self) -> String {
        self.map_or_else(|| "none".to_owned(), |length| length.to_string())
    }
}

impl Setting<Flag> for bool {
    fn read(flag: &Flag) -> Result<Self, String> {
        Ok(flag.value)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

settings! {
    /// Docker Swarm, of arms with `rescheduler: swarm`.
    SwarmSpec for SwarmSettings {
        /// `--dispatcher-heartbeat`: time between two heartbeats of a host.
        dispatcher_heartbeat "dispatcherHeartbeat" DurationText => dispatcher_heartbeat;
        /// Each of those times is drawn from so much less to so much more.
        heartbeat_epsilon "heartbeatEpsilon" DurationText => heartbeat_epsilon;
        /// A host is down so many of its last such times after its last heartbeat.
        grace_period_multiplier "gracePeriodMultiplier" u32 => grace_period_multiplier;
        /// `--restart-delay`: the replacement of a task starts so much later.
        restart_delay "restartDelay" DurationText => restart_delay;
    }
}

settings! {
    /// Nomad, of arms with `rescheduler: nomad`.
    NomadSpec for NomadSettings {
        /// Server `min_heartbeat_ttl`: a client's time to live is drawn from this to twice as much.
        min_heartbeat_ttl "min_heartbeat_ttl" DurationText => min_heartbeat_ttl;
        /// Server `max_heartbeats_per_second`: of all clients together.
        max_heartbeats_per_second "max_heartbeats_per_second" u32 => max_heartbeats_per_second;
        /// Server `heartbeat_grace`: a client is down so long after its time to live.
        heartbeat_grace "heartbeat_grace" DurationText => heartbeat_grace;
        /// Job `disconnect { lost_after }`: allocations of a client that is down are unknown for so long.
        lost_after "lost_after" DurationText => lost_after;
        /// Job `disconnect { replace }`: unknown allocations are replaced at once.
        replace "replace" Flag => replace;
    }
}

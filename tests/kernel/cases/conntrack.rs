//! A full conntrack table (linux-kernel section 6). Its size is a setting of the whole machine, so this runs only when
//! `PODWIRE_KERNEL_CONNTRACK` is set, on a machine whose own table is nearly empty.

use std::time::Duration;

use super::{deployment, scenario, seconds, service};
use crate::lab::{Ask, Lab, Policies};
use crate::plan::Case;

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
/// Entries that fit; each namespace counts its own.
const ROOM: u32 = 300;

/// The machine's setting, given back at the end.
struct Size(String);

impl Drop for Size {
    fn drop(&mut self) {
        std::fs::write(MAX, self.0.trim()).expect("it could be written a moment ago");
    }
}

/// What fits is connected, what does not is silence.
pub(super) fn conntrack_full() -> String {
    if std::env::var_os("PODWIRE_KERNEL_CONNTRACK").is_none() {
        return "not run: it changes a setting of the whole machine (PODWIRE_KERNEL_CONNTRACK=1)".to_owned();
    }
    let own: u32 = std::fs::read_to_string(COUNT).unwrap().trim().parse().unwrap();
    assert!(own < ROOM / 2, "the machine itself follows {own} connections");
    let spec = "
  duration: 1m
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let plan = case.plan(seconds(1));
    let lab = Lab::new("conntrack", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(1)).dialled;
    let size = Size(std::fs::read_to_string(MAX).unwrap());
    std::fs::write(MAX, ROOM.to_string()).unwrap();
    let patience = Some(Duration::from_millis(900));
    let seen = lab.ask("deployment/client#0", to, Ask { patience, ..Ask::in_turn(ROOM + 4) });
    drop(size);
    let count = |outcome: &str| seen.iter().filter(|seen| seen.outcome == outcome).count();
    let (connected, silent) = (count("ok"), count("connect-timeout"));
    // The first SYN of a namespace may have left another entry.
    assert!(connected + silent == seen.len() && (4..=6).contains(&silent), "{connected} connected, {silent} silent");
    "as measured before: what does not fit is silence; podwire does not model it".to_owned()
}

//! What the machine must have, looked for in a namespace of its own.

use std::sync::OnceLock;

use crate::namespaces::{Namespace, clean, command};

/// A part of the kernel that some cases need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Rules over packets within a bridge.
    BridgeNetfilter,
    /// iptables' `recent` match.
    Recent,
    /// `REJECT`.
    Reject,
    /// SYNs as Linux sends them since 6.5.
    LinearTimeouts,
}

impl Need {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BridgeNetfilter => "br_netfilter (net.bridge.bridge-nf-call-iptables)",
            Self::Recent => "iptables match `recent`",
            Self::Reject => "iptables target REJECT",
            Self::LinearTimeouts => "net.ipv4.tcp_syn_linear_timeouts (Linux 6.5)",
        }
    }

    pub(crate) fn is_there(self) -> bool {
        static FOUND: OnceLock<Vec<Need>> = OnceLock::new();
        FOUND.get_or_init(find).contains(&self)
    }
}

fn find() -> Vec<Need> {
    let Ok(space) = Namespace::new("needs") else { return Vec::new() };
    let takes = |rules: &str| space.command(&["iptables-restore", "-w"], rules).is_ok();
    let knows = |path: &str| space.command(&["cat", path], "").is_ok();
    let there = |need: Need| match need {
        Need::BridgeNetfilter => knows("/proc/sys/net/bridge/bridge-nf-call-iptables"),
        Need::LinearTimeouts => knows("/proc/sys/net/ipv4/tcp_syn_linear_timeouts"),
        Need::Recent => takes("*filter\n-A INPUT -m recent --name a --rcheck --seconds 1 --reap -j ACCEPT\nCOMMIT\n"),
        Need::Reject => takes("*filter\n-A INPUT -j REJECT\nCOMMIT\n"),
    };
    let all = [Need::BridgeNetfilter, Need::Recent, Need::Reject, Need::LinearTimeouts];
    all.into_iter().filter(|need| there(*need)).collect()
}

/// What every case needs and the machine has not.
pub(crate) fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !cfg!(target_os = "linux") {
        return vec!["Linux".to_owned()];
    }
    for (tool, package) in [("ip", "iproute2"), ("iptables-restore", "iptables")] {
        if command(&[tool, "-V"], "").is_err() {
            missing.push(format!("`{tool}` (package {package})"));
        }
    }
    if !missing.is_empty() {
        return missing;
    }
    if let Err(error) = clean(None) {
        return vec![format!("right to remove namespaces ({})", error.trim())];
    }
    let Ok(space) = Namespace::new("first") else { return vec!["right to make namespaces (root)".to_owned()] };
    let lines = "link add one type veth peer name other\nlink add br0 type bridge\nlink set one master br0\nlink set one type \
                 bridge_slave hairpin on\n";
    if let Err(error) = command(&["ip", "-n", &space.name, "-batch", "-"], lines) {
        missing.push(format!("veth pairs and bridges ({})", error.trim()));
    }
    let rules = "*nat\n-A OUTPUT -p tcp -m statistic --mode random --probability 0.5 -m mark ! --mark 0x1 -m addrtype \
                 --dst-type LOCAL -j DNAT --to-destination 192.0.2.1:80\n-A POSTROUTING -j MASQUERADE \
                 --random-fully\nCOMMIT\n";
    if let Err(error) = space.command(&["iptables-restore", "-w"], rules) {
        missing.push(format!("iptables nat table with statistic, mark, addrtype, DNAT, MASQUERADE ({})", error.trim()));
    }
    missing
}

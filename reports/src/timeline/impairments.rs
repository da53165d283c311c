//! What the timeline says of things that work worse than they should.

use sim_core::trace::Body;

use crate::trace_io::Names;

/// Processes on a node stand still, go on, or are slow.
#[allow(clippy::wildcard_enum_match_arm)] // `words::what` is the complete list
pub(super) fn of_pace(body: &Body, names: &Names) -> String {
    match *body {
        Body::NodeHung { node } => format!("{}: its processes stand still", names.node(node)),
        Body::NodeResumed { node } => format!("{}: its processes go on", names.node(node)),
        Body::PodHung { pod } => format!("{}: its processes stand still", names.pod(pod)),
        Body::PodResumed { pod } => format!("{}: its processes go on", names.pod(pod)),
        Body::NodeSpeed { node, permille } => format!("{}: service takes {}", names.node(node), times(permille)),
        _ => String::new(),
    }
}

/// A kube-proxy stalls or goes on.
#[allow(clippy::wildcard_enum_match_arm)] // see `of_pace`
pub(super) fn of_rules(body: &Body, names: &Names) -> String {
    match *body {
        Body::ProxyStalled { node } => format!("{}: its rules stay as they are", names.node(node)),
        Body::ProxyResumed { node } => format!("{}: its rules follow again", names.node(node)),
        _ => String::new(),
    }
}

/// A kubelet loses the control plane or finds it.
#[allow(clippy::wildcard_enum_match_arm)] // see `of_pace`
pub(super) fn of_contact(body: &Body, names: &Names) -> String {
    match *body {
        Body::ControlPlaneLost { node } => format!("{} loses the control plane", names.node(node)),
        Body::ControlPlaneFound { node } => format!("{} reaches the control plane again", names.node(node)),
        _ => String::new(),
    }
}

/// A link's chances of losing a packet.
pub(super) fn loss(link: &str, a_to_b: u32, b_to_a: u32) -> String {
    format!("{link}: loses {}, and {} the other way", percent(a_to_b), percent(b_to_a))
}

/// Thousandths as a factor: `2.5x`.
fn times(permille: u64) -> String {
    format!("{}x", decimals(permille, 3))
}

/// Millionths as a share: `12.5%`.
fn percent(ppm: u32) -> String {
    format!("{}%", decimals(u64::from(ppm), 4))
}

/// A number with so many decimals behind the point, without zeros at its end.
fn decimals(number: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let text = format!("{}.{:0width$}", number / unit, number % unit, width = places as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_and_shares_have_no_zeros_at_their_end() {
        assert_eq!([times(2_500), times(1_000), times(1)], ["2.5x", "1x", "0.001x"]);
        assert_eq!([percent(0), percent(125_000), percent(1_000_000)], ["0%", "12.5%", "100%"]);
    }
}

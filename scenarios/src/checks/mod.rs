//! Rules that foreign objects must keep before any scenario uses them: one file and one registry line each.

mod duplicate_names;
mod port_names;
mod selector_matches_template;
mod service_addresses;

use crate::diagnostics::Sink;
use crate::draft::Draft;

/// Every rule.
const CHECKS: &[fn(&Draft, &mut Sink)] =
    &[duplicate_names::check, port_names::check, selector_matches_template::check, service_addresses::check];

/// Applies every rule.
pub(crate) fn check(draft: &Draft, sink: &mut Sink) {
    for check in CHECKS {
        check(draft, sink);
    }
}

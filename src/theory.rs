//! The analytic twin of each arm, in the terms of a report. Knows no formula.

use reports::report::Theory;
use scenarios::Arm;
use scenarios::twin::{About, ClosedForm, closed_forms};

/// What theory gives for an arm.
pub(crate) fn of_arm(arm: &Arm) -> Vec<Theory> {
    closed_forms(&arm.model).into_iter().map(|form| theory(&arm.name, form)).collect()
}

fn theory(arm: &str, form: ClosedForm) -> Theory {
    let ClosedForm { form, about, quantity, low, high, unit, metric, assumes } = form;
    let (traffic, fault) = match about {
        About::Traffic(name) => (Some(name), None),
        About::Fault(name) => (None, Some(name)),
    };
    let (quantity, metric) = (quantity.to_owned(), metric.map(str::to_owned));
    Theory { arm: arm.to_owned(), form, traffic, fault, quantity, low, high, unit, metric, assumes }
}

//! Expectations as `JUnit` test cases, one suite per scenario.

use std::io::Write;

use super::units::human_value;
use super::{ExpectationResult, Report};
use crate::markup::escape;

/// Writes the suite.
pub(super) fn render(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    let failures = report.expectations.iter().filter(|expectation| !expectation.pass).count();
    writeln!(output, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let (name, tests) = (escape(&report.scenario.name), report.expectations.len());
    writeln!(output, "<testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">")?;
    for expectation in &report.expectations {
        let (class, case) = (escape(&expectation.arm), escape(&expectation.title()));
        write!(output, "  <testcase classname=\"{class}\" name=\"{case}\"")?;
        if expectation.pass {
            writeln!(output, "/>")?;
        } else {
            writeln!(output, ">\n    <failure message=\"{}\"/>\n  </testcase>", escape(&reason(expectation)))?;
        }
    }
    writeln!(output, "</testsuite>")
}

fn reason(expectation: &ExpectationResult) -> String {
    let value = expectation.value.map_or_else(|| "nothing".to_owned(), |value| human_value(value, &expectation.unit));
    format!("measured {value}, expected {}", expectation.bounds())
}

//! `podwire run`: one arm of a scenario.

use std::io::Write;

use reports::timeline::Timeline;
use scenarios::Scenario;
use sim_core::trace::Level;

use super::compare::{Written, run_arms};
use super::output_form::{Form, deliver};
use crate::args::RunArgs;
use crate::experiment::{self, Settings, Unit};
use crate::failure::Failure;
use crate::session;

/// The format of `run` that is no report: the story of one arm.
const STORY: &str = "timeline";

pub(super) fn execute(args: &RunArgs) -> Result<(), Failure> {
    let form = if args.format == STORY { None } else { Some(Form::chosen(&args.format, None, &[STORY])?) };
    let written = Written::of(&args.output)?;
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario();
    let arm = choose_arm(scenario, args.arm.as_deref())?;
    match form {
        Some(form) => {
            let report = run_arms(&input, Some(&arm), &written, form, args.scenario.quiet)?;
            deliver(&report, form, &written.reports)
        }
        None => tell_story(scenario, &arm),
    }
}

/// The name of the arm that was asked for, or of the first one.
pub(crate) fn choose_arm(scenario: &Scenario, wanted: Option<&str>) -> Result<String, Failure> {
    let names: Vec<&str> = scenario.arms.iter().map(|arm| arm.name.as_str()).collect();
    let Some(wanted) = wanted else {
        return names.first().map(|name| (*name).to_owned()).ok_or(Failure::Invalid);
    };
    if names.contains(&wanted) { Ok(wanted.to_owned()) } else { Err(no_such_arm(wanted, &names)) }
}

/// An arm was asked for that the scenario does not have.
pub(super) fn no_such_arm(wanted: &str, names: &[&str]) -> Failure {
    Failure::Usage(format!("the scenario has no arm `{wanted}`; it has {}", names.join(", ")))
}

fn tell_story(scenario: &Scenario, arm: &str) -> Result<(), Failure> {
    let Some(arm) = scenario.arms.iter().find(|candidate| candidate.name == arm) else { return Ok(()) };
    let unit = Unit { scenario, arm };
    let mut timeline = Timeline::new(&unit.header());
    let settings = Settings { digest: false, level: Level::Connection, pictures: None, share: true, progress: &|_| {} };
    experiment::run(&unit, &settings, &mut timeline);
    let mut text = Vec::new();
    timeline.render(&mut text)?;
    std::io::stdout().write_all(&text)?;
    Ok(())
}

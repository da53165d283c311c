//! Where `get` and `describe` find what happened: a scenario that is run as far as it is asked for, or a trace that a run
//! has saved. Knows no object and no table.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use reports::trace_io::TraceReader;
use scenarios::{Arm, Scenario};
use sim_core::kernel::time::SimTime;
use sim_core::model::Model;
use sim_core::model::settings::AddressModelKind;
use sim_core::trace::{Level, TraceHeader, TraceSink};
use sim_core::world::World;

use crate::args::ScenarioArgs;
use crate::commands::choose_arm;
use crate::experiment::Unit;
use crate::failure::Failure;
use crate::output::trace_failure;
use crate::session;
use crate::traces;

/// A run, to be made or made before.
pub(crate) struct History {
    header: TraceHeader,
    records: Records,
}

enum Records {
    /// To be made.
    Run(Arc<Model>),
    /// In a file.
    Saved(Box<TraceReader<BufReader<File>>>, PathBuf),
}

impl History {
    /// Opens a saved trace, or loads a scenario and takes one of its arms.
    pub(crate) fn open(args: &ScenarioArgs, arm: Option<&str>) -> Result<Self, Failure> {
        if let Some(reader) = traces::saved(&args.file)? {
            traces::refuse_changes(args, arm, reader.header())?;
            let header = reader.header().clone();
            return Ok(Self { header, records: Records::Saved(Box::new(reader), args.file.clone()) });
        }
        let input = session::load(args)?;
        let scenario = input.scenario();
        let arm = arm_to_show(scenario, arm)?;
        let unit = Unit { scenario, arm };
        Ok(Self { header: unit.header(), records: Records::Run(Arc::clone(&arm.model)) })
    }

    /// What stands before the records.
    pub(crate) fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The time that was typed for `option`, which lies within the run.
    pub(crate) fn time(&self, option: &str, typed: &str) -> Result<SimTime, Failure> {
        let time =
            scenarios::units::duration(typed).map_err(|error| Failure::Usage(format!("{option} {typed}: {error}")))?;
        if time > self.header.duration {
            let end = self.header.duration;
            return Err(Failure::Usage(format!("{option} {typed} is after the end of the run; it lasts {end}")));
        }
        Ok(SimTime::ZERO + time)
    }

    /// Hands all records up to `until` to `sink`.
    pub(crate) fn play(self, until: SimTime, sink: &mut impl TraceSink) -> Result<(), Failure> {
        match self.records {
            Records::Run(model) => {
                World::new(model, Level::Request).run_until(until, sink);
            }
            Records::Saved(reader, path) => {
                for record in *reader {
                    let record = record.map_err(|error| trace_failure(&path, &error))?;
                    if record.time > until {
                        break;
                    }
                    sink.record(&record);
                }
            }
        }
        Ok(())
    }
}

/// The arm that was asked for, or the first one with pods of its own addresses, or the first one.
pub(crate) fn arm_to_show<'a>(scenario: &'a Scenario, wanted: Option<&str>) -> Result<&'a Arm, Failure> {
    let flat = scenario.arms.iter().find(|arm| arm.model.address_model == AddressModelKind::FlatPodIp);
    if let (None, Some(arm)) = (wanted, flat) {
        return Ok(arm);
    }
    let name = choose_arm(scenario, wanted)?;
    scenario.arms.iter().find(|arm| arm.name == name).ok_or(Failure::Invalid)
}

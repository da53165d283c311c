//! `podwire get`: objects at a time or between two, in kubectl's forms.

use std::io::Write;

use reports::state::{ClusterState, KINDS, Kind, Query, Resource, Watch};
use scenarios::did_you_mean;
use serde_json::json;

use crate::args::{GetArgs, GetFormat};
use crate::failure::Failure;
use crate::history::History;

pub(super) fn execute(args: &GetArgs) -> Result<(), Failure> {
    let resource = resource(&args.resource, |kind| kind.plural)?;
    if args.watch && matches!(args.output, Some(GetFormat::Yaml | GetFormat::Json)) {
        return Err(Failure::Usage("--watch prints rows; it goes with `-o wide`, not with yaml or json".to_owned()));
    }
    let history = History::open(&args.scenario, args.arm.as_deref())?;
    let at = history.time("--at", &args.at)?;
    let query = Query {
        wide: args.output == Some(GetFormat::Wide),
        labels: args.labels.clone(),
        namespace: args.namespace.clone(),
        all_namespaces: args.all_namespaces,
    };
    if args.watch {
        return watch(args, history, resource, query);
    }
    let mut state = ClusterState::new(history.header(), at);
    if resource == Resource::Events {
        state = state.with_events();
    }
    history.play(at, &mut state)?;
    let text = match args.output {
        None | Some(GetFormat::Wide) => state.table(resource, &query),
        Some(GetFormat::Name) => {
            let names = state.names(resource, &query);
            (!names.is_empty()).then(|| names.join("\n") + "\n")
        }
        Some(form @ (GetFormat::Json | GetFormat::Yaml)) => Some(list(&state, resource, &query, form)?),
    };
    match text {
        Some(text) => std::io::stdout().write_all(text.as_bytes())?,
        None => writeln!(std::io::stderr(), "{}", nothing_found(resource, args))?,
    }
    Ok(())
}

/// The resource of a typed name; `shown` is the name of a kind that somebody who mistyped it is told.
pub(super) fn resource(typed: &str, shown: fn(&Kind) -> &'static str) -> Result<Resource, Failure> {
    Resource::from_name(typed).ok_or_else(|| {
        let known = KINDS.iter().map(shown);
        Failure::Usage(format!("unknown resource `{typed}`; {}", did_you_mean(typed, known)))
    })
}

fn nothing_found(resource: Resource, args: &GetArgs) -> String {
    if args.all_namespaces || !resource.is_namespaced() {
        return "No resources found".to_owned();
    }
    format!("No resources found in {} namespace.", args.namespace)
}

/// A `List` as kubectl prints it, whatever it holds.
fn list(state: &ClusterState, resource: Resource, query: &Query, form: GetFormat) -> Result<String, Failure> {
    let items = state.objects(resource, query);
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    if form == GetFormat::Yaml {
        return Ok(scenarios::write_yaml(&list));
    }
    let mut text = serde_json::to_string_pretty(&list).map_err(|error| Failure::Io(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn watch(args: &GetArgs, history: History, resource: Resource, query: Query) -> Result<(), Failure> {
    let from = history.time("--at", &args.at)?;
    let until = match &args.until {
        Some(typed) => history.time("--until", typed)?,
        None => sim_core::kernel::time::SimTime::ZERO + history.header().duration,
    };
    if until < from {
        let until = args.until.as_deref().unwrap_or_default();
        return Err(Failure::Usage(format!("--until {until} is before --at {}", args.at)));
    }
    let stdout = std::io::stdout().lock();
    let mut watch = Watch::new(history.header(), resource, query, (from, until), stdout);
    history.play(until, &mut watch)?;
    watch.finish()?;
    Ok(())
}

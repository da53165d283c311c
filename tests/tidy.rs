//! What the workspace promises about its own files: sizes, forbidden words, arrows between rooms, registries.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sim_core::actions::ACTIONS;
use sim_core::balancing::BALANCERS;
use sim_core::faults::FAULTS;
use sim_core::workload::arrivals::ARRIVALS;

const LONGEST_FILE: usize = 500;
/// Folders with sources.
const SOURCES: [&str; 6] = ["src", "sim-core", "scenarios", "reports", "benches", "tests"];
/// The parts of the workspace, by the folder of their manifest.
const CRATES: [&str; 4] = ["", "sim-core", "scenarios", "reports"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder as (path from the workspace's folder, text), without what is built or hidden by git.
fn files_below(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // In a further working tree git keeps a file of that name.
            if ["target", ".git", "out"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of the workspace.
fn rust() -> Vec<(String, String)> {
    let files: Vec<_> =
        SOURCES.iter().flat_map(|folder| files_below(folder)).filter(|(path, _)| is_rust(path)).collect();
    assert!(files.len() > 150, "only {} Rust files found", files.len());
    files
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

/// The lines that are no comments, numbered from 1.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The lines of a file of `src` that are built into the product: all before its test module, none of a test or bench.
fn product<'a>(path: &str, text: &'a str) -> &'a str {
    let is_test = path.starts_with("benches/")
        || path.contains("/tests")
        || path.starts_with("tests/")
        || path.contains("/testing")
        || path.ends_with("_tests.rs");
    if is_test { "" } else { text.split("#[cfg(test)]\nmod ").next().unwrap_or(text) }
}

fn none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn files_have_at_most_500_lines() {
    let long = rust().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> =
        long.filter(|(_, lines)| *lines > LONGEST_FILE).map(|(path, n)| format!("{path}: {n}")).collect();
    none(&long, "files with more than 500 lines");
}

#[test]
fn function_length_and_unwrap_are_linted_everywhere_at_the_agreed_limits() {
    let manifest = read("Cargo.toml");
    for lint in
        ["too_many_lines = \"warn\"", "unwrap_used = \"warn\"", "unsafe_code = \"forbid\"", "missing_docs = \"warn\""]
    {
        assert!(manifest.lines().any(|line| line == lint), "{lint}");
    }
    assert!(read(".ci/run").contains("clippy --workspace --all-targets --quiet -- -D warnings"));
    let configured: Vec<_> = files_below("").into_iter().filter(|(path, _)| path.ends_with("clippy.toml")).collect();
    assert!(configured.len() >= 2, "{configured:?}");
    for (path, text) in configured {
        assert!(text.lines().any(|line| line == "too-many-lines-threshold = 70"), "{path}");
    }
    for part in CRATES {
        let manifest = read(format!("{part}/Cargo.toml").trim_start_matches('/'));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{part}: the lints of the workspace are not taken");
    }
}

#[test]
fn nothing_is_unsafe_and_nothing_unwraps_outside_tests() {
    let keyword = ["un", "safe"].concat();
    let mut found = Vec::new();
    for (path, text) in rust() {
        for (number, line) in code(&text) {
            if line.contains(&format!("{keyword} ")) && !line.contains(&format!("{keyword}_")) {
                found.push(format!("{path}:{number}: {line}"));
            }
        }
        for (number, line) in code(product(&path, &text)) {
            if line.contains(".unwrap()") {
                found.push(format!("{path}:{number}: {line}"));
            }
        }
    }
    none(&found, "neither belongs into the product");
}

#[test]
fn nothing_is_left_to_do() {
    let words = [["FIX", "ME"], ["TO", "DO"], ["XX", "X"], ["dbg", "!("], ["todo", "!("]].map(|halves| halves.concat());
    let mut found = Vec::new();
    for (path, text) in rust() {
        let lines = text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|line| format!("{path}: {line}")));
    }
    none(&found, "left to do");
}

/// The rooms (or `room::part`s) that the files of a room name after `crate::`.
fn used_by(room: &str, parts: usize) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (path, text) in files_below(&format!("sim-core/src/{room}")) {
        for (number, line) in code(&text) {
            for after in line.split("crate::").skip(1) {
                let name: Vec<&str> = after.split("::").take(parts).collect();
                let name = name.join("::");
                let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(name.len());
                let room = name[..end].trim_end_matches(':');
                assert!(!room.is_empty(), "{path}:{number}: several rooms in one line hide the arrows");
                used.insert(room.to_owned());
            }
        }
    }
    used.remove(room);
    used
}

#[test]
fn the_arrows_between_the_rooms_of_the_core_are_these() {
    // The registries' value types (a fault kind, a balancer, an arrival process) are part of a model.
    let arrows: [(&str, &[&str]); 12] = [
        ("kernel", &[]),
        ("model", &["actions", "balancing", "faults", "kernel", "topology", "workload"]),
        ("topology", &["kernel", "model"]),
        ("balancing", &["kernel", "model"]),
        ("dataplane", &["balancing", "kernel", "model"]),
        ("addressing", &["kernel", "model"]),
        ("transport", &["kernel"]),
        ("workload", &["kernel", "model"]),
        ("faults", &["kernel", "model"]),
        ("actions", &["model"]),
        ("control", &["kernel", "model", "trace"]),
        ("trace", &["kernel", "model", "topology"]),
    ];
    for (room, expected) in arrows {
        assert_eq!(used_by(room, 1), expected.iter().map(|name| (*name).to_owned()).collect(), "{room}");
    }
    let mut rooms: BTreeSet<String> = std::fs::read_dir(root().join("sim-core/src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for known in arrows.iter().map(|(room, _)| *room).chain(["world", "lib.rs"]) {
        assert!(rooms.remove(known), "no room {known}");
    }
    assert!(rooms.is_empty(), "rooms without arrows: {rooms:?}");
}

#[test]
fn lower_rooms_see_only_the_plain_parts_of_the_model() {
    let of = |room: &str, prefix: &str| -> BTreeSet<String> {
        used_by(room, 2).into_iter().filter(|name| name.starts_with(prefix)).collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(of("topology", "model"), set(&["model::ids", "model::units"]));
    assert_eq!(of("balancing", "model"), set(&["model::parameters"]));
    assert_eq!(of("faults", "model"), set(&["model::parameters"]));
    assert_eq!(of("actions", "model"), set(&["model::ids", "model::parameters"]));
    assert_eq!(of("workload", "model"), set(&["model::parameters", "model::units"]));
    assert_eq!(of("model", "workload"), set(&["workload::arrivals", "workload::distribution"]));
    assert_eq!(of("control", "trace"), set(&["trace::RecordId", "trace::fields", "trace::words"]));
}

#[test]
fn only_the_world_schedules() {
    let users: BTreeSet<String> = files_below("sim-core/src")
        .into_iter()
        .filter(|(_, text)| code(text).any(|(_, line)| line.contains("kernel::executive") || line.contains("Agenda")))
        .map(|(path, _)| path.split('/').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(users.into_iter().collect::<Vec<_>>(), ["kernel", "world"]);
}

/// The direct dependencies of a part of the workspace, without those of its tests.
fn dependencies(part: &str) -> BTreeSet<String> {
    let manifest = read(format!("{part}/Cargo.toml").trim_start_matches('/'));
    let (_, section) = manifest.split_once("\n[dependencies]\n").unwrap();
    let section = section.split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

#[test]
fn the_arrows_between_the_crates_point_to_the_core() {
    let core = dependencies("sim-core");
    assert!(core.len() <= 6, "{core:?}");
    let allowed = ["libm", "petgraph", "rand_chacha", "rand_core", "serde", "twox-hash"];
    none(
        &core.iter().filter(|name| !allowed.contains(&name.as_str())).cloned().collect::<Vec<_>>(),
        "not for the core",
    );
    let (scenarios, reports) = (dependencies("scenarios"), dependencies("reports"));
    assert!(scenarios.contains("sim-core") && reports.contains("sim-core"));
    assert!(!scenarios.contains("reports") && !reports.contains("scenarios"));
    for part in [&scenarios, &reports, &core] {
        assert!(!part.contains("podwire") && !part.contains("clap"), "{part:?}");
    }
}

#[test]
fn yaml_stays_behind_one_file() {
    let words = [["serde", "_yaml"], ["saphyr", "_parser"]].map(|halves| halves.concat());
    let users: Vec<String> = rust()
        .into_iter()
        .filter(|(path, text)| {
            path != "tests/tidy.rs" && code(text).any(|(_, line)| words.iter().any(|w| line.contains(w)))
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(users, ["scenarios/src/yaml.rs"]);
    assert!(dependencies("scenarios").contains(&words[0]));
    for part in ["", "sim-core", "reports"] {
        assert!(!dependencies(part).contains(&words[0]), "{part}");
    }
}

#[test]
fn every_file_of_a_registry_folder_is_registered() {
    let registries = [
        ("sim-core/src/balancing", BALANCERS.len()),
        ("sim-core/src/faults", FAULTS.len()),
        ("sim-core/src/actions", ACTIONS.len()),
        ("sim-core/src/workload/arrivals", ARRIVALS.len()),
    ];
    for (folder, registered) in registries {
        let mut files = files_below(folder);
        // The list with its balancer, and what several algorithms are made of.
        files.retain(|(path, _)| !path.contains("/balancing/parts/") && !path.ends_with("/balancing/group.rs"));
        let (_, table) = files.iter().find(|(path, _)| path.ends_with("/mod.rs")).unwrap();
        assert_eq!(registered, files.len() - 1, "{folder}");
        for (path, _) in files.iter().filter(|(path, _)| !path.ends_with("/mod.rs")) {
            let name = Path::new(path).file_stem().unwrap().to_string_lossy();
            assert!(table.contains(&format!("{name}::SPEC")), "{path} is not registered");
        }
    }
}

/// The library's scenario files as one text without comments.
fn library_text() -> String {
    let files = files_below("scenarios/library");
    let scenarios = files.iter().filter(|(_, text)| text.contains("kind: Scenario"));
    scenarios
        .flat_map(|(_, text)| text.lines())
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn every_registered_name_is_used_by_a_library_scenario() {
    let text = library_text();
    assert!(text.contains("kind: poisson"));
    let mut missing = Vec::new();
    let kinds = FAULTS.iter().map(|spec| spec.name).chain(ARRIVALS.iter().map(|spec| spec.name));
    let kinds = kinds.chain(ACTIONS.iter().map(|spec| spec.name));
    for name in kinds {
        if !text.contains(&format!("kind: {name},")) && !text.contains(&format!("kind: {name}}}")) {
            missing.push(format!("kind: {name}"));
        }
    }
    // kube-proxy's default mode balances as iptables does, so this one needs no line.
    for name in BALANCERS.iter().map(|algorithm| algorithm.spec.name).filter(|name| *name != "iptables-random") {
        let forms = ["algorithm: ", "algorithm: {kind: "].map(|form| format!("{form}{name}"));
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-');
        if !forms.iter().any(|form| text.match_indices(form.as_str()).any(|(at, _)| ends(&text[at + form.len()..]))) {
            missing.push(format!("algorithm: {name}"));
        }
    }
    none(&missing, "no scenario of the library shows");
}

#[test]
fn the_documents_of_a_project_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/scenario-format.md",
        "docs/trace-format.md",
    ] {
        assert!(read(name).lines().count() >= 10, "{name} says nothing");
    }
    let licences: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("LICENSE"))
        .collect();
    assert!(!licences.is_empty(), "no licence");
    let changelog = read("CHANGELOG.md");
    assert!(changelog.lines().any(|line| line.starts_with('#') && line.contains("Changes results")), "{changelog}");
    assert!(read("CONTRIBUTING.md").contains(".ci/run"), "the one local check command");
}

#[test]
fn no_function_is_excused_from_the_limit_of_70_lines() {
    let lint = ["too_many", "_lines"].concat();
    let excused = rust().into_iter().filter(|(_, text)| code(text).any(|(_, line)| line.contains(&lint)));
    let excused: Vec<String> = excused.map(|(path, _)| path).filter(|path| path != "tests/tidy.rs").collect();
    none(&excused, "functions longer than 70 lines are allowed in");
}

#[test]
fn no_file_speaks_of_the_machine_or_the_day_it_was_written_on() {
    let words =
        [["/wo", "rk/"], ["/tm", "p/"], ["/ho", "me/"], ["issue", " 2"], ["hel", "per"]].map(|halves| halves.concat());
    let mut found = Vec::new();
    // ns-3 names its classes so.
    let excused = ["Cargo.lock", "tests/ns3/driver.cc", "benches/peers/drivers/ns3_tcp.cc"];
    for (path, text) in files_below("").into_iter().filter(|(path, _)| !excused.contains(&path.as_str())) {
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            found.extend(
                words.iter().filter(|word| lower.contains(*word)).map(|word| format!("{path}:{}: {word}", index + 1)),
            );
        }
    }
    none(&found, "these mean nothing to a reader");
}

/// The files that `mod NAME;` lines and paths into a neighbouring folder lead to, without their ending.
fn modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap();
    let is_root =
        ["lib.rs", "main.rs", "mod.rs"].contains(&file) || !path.contains("/src/") && !path.starts_with("src/");
    let base = if is_root { folder.to_owned() } else { format!("{folder}/{}", file.trim_end_matches(".rs")) };
    let mut inline = String::new();
    let mut found = Vec::new();
    let beside = folder.rsplit_once('/').map_or("", |(above, _)| above);
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix(".rs\"]"));
    found.extend(paths.map(|path| match path.strip_prefix("../") {
        Some(path) => format!("{beside}/{path}"),
        None => format!("{folder}/{path}"),
    }));
    for (_, line) in code(text) {
        let words: Vec<&str> = line
            .trim()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ")
            .split(' ')
            .collect();
        match words[..] {
            ["mod", name, "{"] if !line.starts_with(' ') => inline = format!("/{name}"),
            ["mod", name] if name.ends_with(';') => {
                found.push(format!("{base}{inline}/{}", name.trim_end_matches(';')));
            }
            _ if line == "}" => inline.clear(),
            _ => {}
        }
    }
    found
}

#[test]
fn every_rust_file_is_part_of_a_crate() {
    let files: BTreeMap<String, String> = rust().into_iter().collect();
    let in_target_folder = |path: &str| {
        path.rsplit_once('/')
            .is_some_and(|(folder, _)| ["tests", "benches"].contains(&folder.rsplit('/').next().unwrap_or_default()))
            && !path.contains("/src/")
    };
    let is_root = |path: &str| path.ends_with("src/lib.rs") || path.ends_with("/main.rs") || in_target_folder(path);
    let mut open: Vec<String> = files.keys().filter(|path| is_root(path)).cloned().collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = open.pop() {
        if let Some(text) = files.get(&path).filter(|_| reached.insert(path.clone())) {
            open.extend(modules(&path, text).iter().flat_map(|stem| [format!("{stem}.rs"), format!("{stem}/mod.rs")]));
        }
    }
    let dead: Vec<String> = files.keys().filter(|path| !reached.contains(*path)).cloned().collect();
    none(&dead, "no `mod` line leads to");
}

//! The documentation agrees with the program: generated parts are fresh, examples load, paths and commands exist.
//! `UPDATE_DOCS=1 cargo test --test docs` writes the generated parts of docs/scenario-format.md and docs/balancing.md, the
//! pictures in docs/balancing and the program's output in README.md anew; what the README says about its figures is for people to look after.

#![allow(clippy::unwrap_used, reason = "a document that cannot be read must fail")]

mod support {
    pub(crate) mod balancing_page;
    pub(crate) mod outputs;
}

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use podwire::args::Args;
use reports::convert::{Column, FORMATS, Kind, TABLES};
use reports::metrics::METRICS;
use reports::metrics::spec::Scope;
use scenarios::{Loaded, Overrides, Source};
use support::outputs::{block_lines, typed, with_fresh_outputs, words};

const FORMAT: &str = "docs/scenario-format.md";
const CAPTURES: &str = "docs/captures.md";
const CURL: &str = "docs/one-connection.md";
const OBJECTS: &str = "docs/objects.md";
const BALANCING: &str = "docs/balancing.md";
const LAB: &str = "docs/lab/README.md";
const LAB_ZH: &str = "docs/lab/README.zh.md";
const PICTURES: &str = "docs/balancing";
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    FORMAT,
    "docs/models.md",
    "docs/trace-format.md",
    "docs/performance.md",
    "docs/explain.md",
    "docs/reports.md",
    CAPTURES,
    "docs/validation.md",
    CURL,
    OBJECTS,
    BALANCING,
    "docs/your-own-balancer.md",
    LAB,
    LAB_ZH,
];
/// Folders whose paths a document may name.
const ROOTS: &[&str] = &["src/", "sim-core/", "scenarios/", "reports/", "benches/", "tests/", "docs/", ".ci/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn load(name: &str, text: String) -> Loaded {
    let source = Source { name: name.to_owned(), text };
    podwire::session::load_text(source, &root().join("scenarios/library"), &Overrides::default())
}

fn metrics_table() -> String {
    let mut out = "| metric | unit | of | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in METRICS {
        let of = match metric.scope {
            Scope::Traffic => "a run, one source or one edge",
            Scope::Edge => "one edge or all",
            Scope::Outage => "outages, by fault and source",
            Scope::Run => "a run",
        };
        // Writing into a String cannot fail.
        let _ = writeln!(out, "| `{}` | {} | {of} | {} |", metric.name, metric.unit, metric.summary);
    }
    out
}

fn format_tables() -> Vec<(String, String)> {
    let mut tables: Vec<(String, String)> =
        scenarios::format_tables().into_iter().map(|table| (table.name.to_owned(), table.markdown)).collect();
    tables.push(("metrics".to_owned(), metrics_table()));
    tables
}

/// The document with every generated part made anew, and the names of the parts found.
fn regenerated(document: &str, tables: &[(String, String)]) -> (String, Vec<String>) {
    let (mut out, mut found) = (String::new(), Vec::new());
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (name, after) = after.split_once(" -->\n").expect("a mark ends its line");
        let (_, after) = after.split_once("<!-- end -->").unwrap_or_else(|| panic!("{name} has no end"));
        let (_, markdown) = tables.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no part {name}"));
        let _ = write!(out, "{before}<!-- generated: {name} -->\n{markdown}<!-- end -->");
        found.push(name.to_owned());
        rest = after;
    }
    let missing: Vec<&String> = tables.iter().map(|(name, _)| name).filter(|name| !found.contains(name)).collect();
    assert!(missing.is_empty(), "no place for {missing:?}");
    (out + rest, found)
}

/// Writes a file anew, or demands that it is what it would be.
fn keep_fresh(name: &str, after: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(name), after).unwrap();
        return;
    }
    let before = std::fs::read_to_string(root().join(name)).unwrap_or_default().replace("\r\n", "\n");
    let differing = before.lines().zip(after.lines()).find(|(old, new)| old != new);
    assert!(before == after, "{name} is stale: UPDATE_DOCS=1 cargo test --test docs\n{differing:#?}");
}

fn keep_parts_fresh(name: &str, tables: &[(String, String)]) {
    let (after, found) = regenerated(&text(name), tables);
    let mut once = found.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), found.len(), "a part stands twice");
    keep_fresh(name, &after);
}

#[test]
fn generated_parts_are_fresh() {
    keep_parts_fresh(FORMAT, &format_tables());
}

/// The tables of algorithms with their figures, a picture of each, and no picture of what is gone.
#[test]
fn the_page_of_algorithms_is_fresh() {
    let page = support::balancing_page::page();
    std::fs::create_dir_all(root().join(PICTURES)).unwrap();
    let pictures = std::fs::read_dir(root().join(PICTURES)).unwrap().map(|entry| entry.unwrap());
    for picture in pictures {
        let name = picture.file_name().into_string().unwrap();
        if page.pictures.iter().all(|known| known.name != name) {
            assert!(std::env::var_os("UPDATE_DOCS").is_some(), "{PICTURES}/{name} shows no algorithm");
            std::fs::remove_file(picture.path()).unwrap();
        }
    }
    for picture in &page.pictures {
        keep_fresh(&format!("{PICTURES}/{}", picture.name), &picture.text);
    }
    let parts: Vec<(String, String)> = page.parts.into_iter().map(|part| (part.name, part.text)).collect();
    keep_parts_fresh(BALANCING, &parts);
}

#[test]
fn the_complete_example_loads() {
    let document = text(FORMAT);
    let (_, example) = document.split_once("<!-- example -->\n```yaml\n").unwrap();
    let (example, _) = example.split_once("```\n").unwrap();
    let loaded = load("example.yaml", example.to_owned());
    let told: Vec<String> =
        loaded.diagnostics.iter().map(|item| format!("{}:{} {}", item.line, item.code, item.message)).collect();
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{told:#?}"));
    assert_eq!(scenario.arms.len(), 4);
    // Every key of `spec` stands in the example.
    let schema: serde_json::Value = serde_json::from_str(&scenarios::schema()).unwrap();
    let keys = schema.pointer("/properties/spec/properties").unwrap().as_object().unwrap();
    for key in keys.keys() {
        assert!(example.contains(&format!("\n  {key}: ")) || example.contains(&format!("\n  {key}:\n")), "{key}");
    }
}

/// Every key of the settings' groups stands in its table.
#[test]
fn every_setting_is_documented() {
    let document = text(FORMAT);
    let schema: serde_json::Value = serde_json::from_str(&scenarios::schema()).unwrap();
    let definitions = schema.pointer("/definitions").unwrap().as_object().unwrap();
    for (name, definition) in definitions {
        let Some(properties) = definition.pointer("/properties").and_then(serde_json::Value::as_object) else {
            continue;
        };
        for key in properties.keys() {
            let named =
                [format!("`{key}`"), format!(".{key}`"), format!("{key}:"), format!("{key}, "), format!(", {key}}}")];
            assert!(named.iter().any(|form| document.contains(form)), "{name}.{key} is not documented");
        }
    }
}

/// All keys that the format knows, those of the registries' parts included.
fn known_keys(schema: &serde_json::Value, found: &mut Vec<String>) {
    if let Some(map) = schema.as_object() {
        let properties = map.get("properties").and_then(serde_json::Value::as_object);
        found.extend(properties.into_iter().flat_map(serde_json::Map::keys).cloned());
        map.values().for_each(|value| known_keys(value, found));
    }
    schema.as_array().into_iter().flatten().for_each(|item| known_keys(item, found));
}

#[test]
fn every_documented_key_exists() {
    let mut known = Vec::new();
    known_keys(&serde_json::from_str(&scenarios::schema()).unwrap(), &mut known);
    let parameters = sim_core::faults::FAULTS.iter().flat_map(|spec| spec.parameters);
    known.extend(parameters.map(|parameter| parameter.name.to_owned()));
    let parameters = sim_core::actions::ACTIONS.iter().flat_map(|spec| spec.parameters);
    known.extend(parameters.map(|parameter| parameter.name.to_owned()));
    let document = text(FORMAT);
    let (_, keys) = document.split_once("## `spec`, key by key").unwrap();
    let (keys, _) = keys.split_once("## Paths").unwrap();
    let own = keys.split("<!-- generated: ").map(|part| part.split_once("<!-- end -->").map_or(part, |(_, own)| own));
    for cell in own.flat_map(str::lines).filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()) {
        for key in inline_code(cell) {
            let last = key.rsplit('.').next().unwrap();
            assert!(known.iter().any(|known| known == last), "{FORMAT} documents `{key}`, which does not exist");
        }
    }
}

/// The pieces of a document between single backticks, outside of code blocks.
fn inline_code(document: &str) -> Vec<String> {
    let prose = document.split("```").step_by(2).collect::<String>();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// True for a path of this repository, perhaps with `*` at its end or `<name>` in it.
fn path_exists(path: &str) -> bool {
    let fixed: PathBuf = path.split('/').take_while(|part| !part.contains(['*', '<', '{'])).collect();
    root().join(fixed).exists()
}

#[test]
fn paths_in_the_documents_exist() {
    for name in DOCUMENTS {
        let document = text(name);
        for code in inline_code(&document) {
            for word in code.split_whitespace() {
                if ROOTS.iter().any(|root| word.starts_with(root)) {
                    assert!(
                        path_exists(word.trim_end_matches([',', '.'])),
                        "{name} names {word}, which does not exist"
                    );
                }
            }
        }
        let folder = Path::new(name).parent().unwrap();
        for target in document.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                assert!(root().join(folder).join(path).exists(), "{name} links to {target}, which does not exist");
            }
        }
    }
}

#[test]
fn links_within_a_document_lead_to_a_heading() {
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    for name in DOCUMENTS {
        let document = text(name);
        let headings: Vec<String> = document
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches('#')))
            .collect();
        for target in document.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(headings.iter().any(|heading| heading == target), "{name}: no heading #{target}");
        }
    }
}

/// The text of every Rust file of the workspace.
fn sources(folder: &Path) -> String {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut all = String::new();
    for path in entries {
        if path.is_dir() {
            all += &sources(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all += &std::fs::read_to_string(&path).unwrap();
        }
    }
    all
}

/// The architecture and the validation name the tests that hold what they say.
#[test]
fn tests_in_the_documents_exist() {
    let rooms = ["src", "sim-core/src", "sim-core/tests", "scenarios/src", "scenarios/tests", "reports/src", "tests"];
    let code: String = rooms.iter().map(|room| sources(&root().join(room))).collect();
    for name in ["ARCHITECTURE.md", "docs/validation.md"] {
        let is_test = |word: &String| {
            word.matches('_').count() >= 3 && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
        };
        for word in inline_code(&text(name)).into_iter().filter(is_test) {
            assert!(code.contains(&format!("fn {word}(")), "{name} names the test {word}, which does not exist");
        }
    }
}

#[test]
fn commands_in_the_documents_are_the_programs_own() {
    let program = Args::command();
    for name in DOCUMENTS {
        let document = text(name);
        for line in block_lines(&document) {
            let Some(arguments) = typed(&line) else { continue };
            let all = std::iter::once("podwire".to_owned()).chain(words(arguments));
            if let Err(error) = Args::try_parse_from(all) {
                panic!("{name}: {line}\n{error}");
            }
        }
        for code in inline_code(&document) {
            let Some(arguments) = typed(&code) else { continue };
            let words = words(arguments);
            let Some(command) = program.find_subcommand(&words[0]) else { panic!("{name}: no command in `{code}`") };
            for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
                let long = option.split('=').next();
                let known = command.get_arguments().any(|argument| argument.get_long() == long);
                assert!(known, "{name}: no option --{option} in `{code}`");
            }
        }
    }
}

fn is_yaml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "yaml")
}

/// The file names of the library's scenarios.
fn library() -> Vec<String> {
    let files = std::fs::read_dir(root().join("scenarios/library")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| is_yaml(name)).collect();
    names.sort();
    names
}

#[test]
fn the_readme_names_every_library_scenario() {
    let readme = text("README.md");
    let library = library();
    assert!(library.len() >= 6);
    for name in &library {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
    }
    let named = inline_code(&readme).into_iter().filter(|code| is_yaml(code) && !code.contains(['/', ' ']));
    for name in named {
        assert!(library.contains(&name), "README.md names {name}, which is no library scenario");
    }
}

#[test]
fn the_readmes_two_commands_are_those_of_ci_and_the_program() {
    let readme = text("README.md");
    let lines = block_lines(&readme);
    let run = "cargo run --release -- compare scenarios/library/nginx-node-death.yaml";
    let test = "cargo test --workspace";
    for command in [run, test] {
        let shown = lines.iter().any(|line| line.trim().trim_start_matches("$ ") == command);
        assert!(shown, "README.md does not show {command}");
    }
    let check = text(".ci/run");
    assert!(check.lines().any(|line| line.trim() == test), ".ci/run runs another test command");
    assert!(text("CONTRIBUTING.md").contains("`.ci/run`"));
    assert!(
        Args::try_parse_from(run.split(' ').skip(3).map(|word| if word == "--" { "podwire" } else { word })).is_ok()
    );
}

#[test]
fn the_exit_codes_are_in_the_readme() {
    let readme = text("README.md");
    for code in [0, 2, 3, 4, 5, 99] {
        assert!(readme.lines().any(|line| line.starts_with(&format!("| {code} |"))), "exit code {code}");
    }
}

#[test]
fn documents_show_what_the_program_prints() {
    for (name, outputs) in [("README.md", 3), (CURL, 3), (OBJECTS, 4), (LAB, 30), (LAB_ZH, 30)] {
        let before = text(name);
        let (after, count) = with_fresh_outputs(&before);
        assert_eq!(count, outputs, "{name}");
        keep_fresh(name, &after);
    }
}

/// The columns of every table that a trace can be written as.
fn columns() -> (String, String) {
    let mut out = "| table | column | holds | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for table in TABLES {
        for Column { name, kind, doc } in table.columns {
            let kind = match kind {
                Kind::Text => "text",
                Kind::Number => "number",
                Kind::Flag => "true or false",
            };
            let _ = writeln!(out, "| `{}` | `{name}` | {kind} | {doc} |", table.name);
        }
    }
    ("columns of tables".to_owned(), out)
}

#[test]
fn the_page_of_captures_names_every_form_and_table() {
    keep_parts_fresh(CAPTURES, &[columns()]);
    let page = text(CAPTURES);
    for name in FORMATS.iter().map(|format| format.name).chain(["parquet"]) {
        assert!(page.contains(&format!("`{name}`")), "{CAPTURES} does not name the form {name}");
    }
    for table in TABLES {
        let row = format!("| `{}` | {} |", table.name, table.doc);
        assert!(page.contains(&row), "{CAPTURES} has no row {row}");
    }
}

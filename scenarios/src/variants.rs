//! Arms from the command line: a path with several values each, crossed; every arm of the scenario is multiplied
//! by every combination. Knows paths and values, but not what stands at a path.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::arms::ArmPlan;
use crate::canonical::canonical;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, UNKNOWN_PATH, UNUSED};
use crate::diagnostics::{Place, Sink, Source};
use crate::load::Arm;
use crate::overrides::in_full;
use crate::yaml::{self, SpanIndex};

/// Most arms of a comparison: beyond this, somebody mistyped, and no report could be read.
const MOST_ARMS: usize = 256;
/// Longest value in an arm's name, in characters.
const LONGEST_LABEL: usize = 32;
/// Longest list of values in an arm's name, so that the name can be a folder's (255 bytes on Linux).
const LONGEST_COMBINATION: usize = 160;

/// A path and the values that it takes in turn.
#[derive(Debug)]
pub(crate) struct Variant {
    path: String,
    /// How names of arms call it.
    key: String,
    levels: Vec<Level>,
    place: Place,
}

/// One of the values.
#[derive(Debug)]
struct Level {
    /// As it was typed.
    text: String,
    value: Value,
    /// How names of arms call it.
    label: String,
}

/// Reads what was typed; whatever is wrong is told, and left out.
pub(crate) fn read(typed: &[(String, String)], sink: &mut Sink) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    for (path, text) in typed {
        let source = Source { name: "command line".to_owned(), text: format!("--variant {path}={text}") };
        let place = Place::document(sink.add_source(source, SpanIndex::default()), 0);
        let full = in_full(path);
        if let Some(complaint) = shared(&full) {
            sink.help(UNKNOWN_PATH, &place, format!("`{path}` cannot vary between arms"), complaint);
        } else if variants.iter().any(|known| known.path == full) {
            sink.help(DUPLICATE_NAME, &place, format!("`{path}` varies twice"), "give all its values in one list");
        }
        let levels = levels(text, &place, sink);
        variants.push(Variant { path: full, key: String::new(), levels, place });
    }
    name_keys(&mut variants);
    for variant in &mut variants {
        name_levels(&mut variant.levels);
    }
    variants
}

/// Why a path is the same in all arms, if it is.
fn shared(path: &str) -> Option<&'static str> {
    match path.split('.').next().unwrap_or_default() {
        "seed" => Some("`--seeds` runs every arm under several seeds"),
        "arms" => Some("`--arm` chooses among the scenario's arms"),
        "include" | "expect" => Some("all arms share it; write a second scenario"),
        _ => None,
    }
}

fn levels(text: &str, place: &Place, sink: &mut Sink) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for part in split(text) {
        let part = part.trim();
        if part.is_empty() {
            sink.help(BAD_VALUE, place, "an empty value", "write `null` to leave a value out");
            continue;
        }
        match yaml::parse_value(part) {
            Ok(value) if levels.iter().any(|known| known.value == value) => {
                sink.report(BAD_VALUE, place, format!("`{part}` stands twice in the list"));
            }
            Ok(value) => levels.push(Level { text: part.to_owned(), value, label: String::new() }),
            Err(message) => sink.report(BAD_VALUE, place, message),
        }
    }
    levels
}

/// Cuts at the commas that stand outside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    let mut quote: Option<char> = None;
    // As in YAML, a quotation mark opens a text only where a value begins.
    let mut value_begins = true;
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') if value_begins => quote = Some(letter),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            (Some(_) | None, _) => {}
        }
        value_begins = matches!(letter, '[' | '{' | ',' | ':') || (value_begins && letter == ' ');
    }
    parts.push(&text[start..]);
    parts
}

/// Each path by its last segments, as many as tell it from the other paths.
fn name_keys(variants: &mut [Variant]) {
    let paths: Vec<Vec<String>> = variants
        .iter()
        .map(|variant| variant.path.split(['.', '/']).map(plain).filter(|segment| !segment.is_empty()).collect())
        .collect();
    for (index, variant) in variants.iter_mut().enumerate() {
        let own = &paths[index];
        let last = |path: &[String], count: usize| path[path.len().saturating_sub(count)..].join(".");
        let others = || paths.iter().enumerate().filter(|(other, _)| *other != index);
        let unique = |count: &usize| others().all(|(_, path)| last(path, *count) != last(own, *count));
        let count = (1..own.len()).find(unique).unwrap_or(own.len());
        variant.key = last(own, count);
    }
}

/// Each value by its text, as far as a folder's name can hold it, numbered where that does not tell them apart.
fn name_levels(levels: &mut [Level]) {
    let labels: Vec<String> = levels
        .iter()
        .map(|level| {
            let text = level.value.as_str().unwrap_or(&level.text);
            plain(text).chars().take(LONGEST_LABEL).collect()
        })
        .collect();
    // Some file systems do not tell large letters from small ones.
    let different: BTreeSet<String> = labels.iter().map(|label| label.to_lowercase()).collect();
    let apart = different.len() == labels.len() && !different.contains("");
    for (number, (level, label)) in levels.iter_mut().zip(labels).enumerate() {
        level.label = if apart { label } else { format!("{label}-{}", number + 1) };
    }
}

/// The text with a dash for every run of characters that a folder's name should not have.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || "._%+".contains(letter) {
            out.push(letter);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches('-').to_owned()
}

/// Every arm with every combination of values; the last path varies fastest.
pub(crate) fn multiply(arms: Vec<ArmPlan>, variants: &[Variant], sink: &mut Sink) -> Vec<ArmPlan> {
    let Some(first) = variants.first() else { return arms };
    let sizes = variants.iter().map(|variant| variant.levels.len());
    let count = sizes.fold(arms.len(), usize::saturating_mul);
    if count > MOST_ARMS {
        let help = "`--arm` leaves arms of the scenario out";
        sink.help(BAD_VALUE, &first.place, format!("{count} arms are more than {MOST_ARMS}"), help);
        return arms;
    }
    let mut all: Vec<ArmPlan> = Vec::new();
    for arm in arms {
        for (number, combination) in combinations(variants).into_iter().enumerate() {
            let mut arm = arm.clone();
            arm.name = name(&arm.name, number, variants, &combination);
            for (variant, level) in variants.iter().zip(combination) {
                arm.set.push((variant.path.clone(), level.value.clone(), variant.place.clone()));
                arm.levels.push(level.text.clone());
            }
            if all.iter().any(|known| known.name == arm.name) {
                sink.report(DUPLICATE_NAME, &first.place, format!("two arms are called `{}`", arm.name));
            }
            all.push(arm);
        }
    }
    all
}

fn combinations(variants: &[Variant]) -> Vec<Vec<&Level>> {
    variants.iter().fold(vec![Vec::new()], |begun, variant| {
        let longer = |head: &Vec<_>| {
            let head = head.clone();
            variant.levels.iter().map(move |level| [head.as_slice(), &[level]].concat())
        };
        begun.iter().flat_map(longer).collect()
    })
}

/// `ARM[key=value,key=value]`, or `ARM[NUMBER]` where that would be longer than a folder's name.
fn name(arm: &str, number: usize, variants: &[Variant], combination: &[&Level]) -> String {
    let pairs = variants.iter().zip(combination).map(|(variant, level)| format!("{}={}", variant.key, level.label));
    let pairs = pairs.collect::<Vec<_>>().join(",");
    if pairs.len() > LONGEST_COMBINATION { format!("{arm}[{}]", number + 1) } else { format!("{arm}[{pairs}]") }
}

/// What the effective scenario says of the variants; nothing when there are none.
pub(crate) fn describe(variants: &[Variant]) -> String {
    let line = |variant: &Variant| {
        let values: Vec<Value> = variant.levels.iter().map(|level| level.value.clone()).collect();
        format!("--- variant {}\n{}\n", variant.path, canonical(&Value::Array(values)))
    };
    variants.iter().map(line).collect()
}

/// Tells of values that make no difference in an arm: its address model does not have the setting, say.
pub(crate) fn report_unused(variants: &[Variant], arms: &[Arm], sink: &mut Sink) {
    let bases: Vec<&str> = arms.iter().map(|arm| arm.base.as_str()).collect();
    for (place, variant) in variants.iter().enumerate().filter(|(_, variant)| variant.levels.len() > 1) {
        let mut unused: Vec<&str> = bases.iter().copied().filter(|base| !matters(place, base, arms)).collect();
        unused.dedup();
        if !unused.is_empty() {
            let message = format!("`{}` makes no difference in {}", variant.path, unused.join(", "));
            sink.help(UNUSED, &variant.place, message, "`--arm NAME` runs only the arms it is about");
        }
    }
}

/// True when some pair of arms that differ in the `place`-th variant alone has different settings.
fn matters(place: usize, base: &str, arms: &[Arm]) -> bool {
    let of_base: Vec<&Arm> = arms.iter().filter(|arm| arm.base == base).collect();
    let others = |arm: &Arm| -> Vec<String> { [&arm.levels[..place], &arm.levels[place + 1..]].concat() };
    of_base.iter().enumerate().any(|(index, first)| {
        let rest = of_base[index + 1..].iter().filter(|second| others(first) == others(second));
        rest.into_iter().any(|second| first.settings != second.settings)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(variants: &[(&str, &str)]) -> (Vec<Variant>, Sink) {
        let typed: Vec<(String, String)> =
            variants.iter().map(|(path, values)| ((*path).to_owned(), (*values).to_owned())).collect();
        let mut sink = Sink::default();
        let read = read(&typed, &mut sink);
        (read, sink)
    }

    fn names(variants: &[(&str, &str)]) -> Vec<String> {
        let (variants, sink) = typed(variants);
        assert!(sink.items.is_empty(), "{:?}", sink.items);
        let all = combinations(&variants);
        all.iter().enumerate().map(|(number, levels)| name("a", number, &variants, levels)).collect()
    }

    #[test]
    fn commas_in_brackets_and_quotes_do_not_cut() {
        assert_eq!(split("1s,5s"), ["1s", "5s"]);
        assert_eq!(split("{a: 1, b: [2, 3]},x"), ["{a: 1, b: [2, 3]}", "x"]);
        assert_eq!(split("'a,b',\"c,d\""), ["'a,b'", "\"c,d\""]);
        assert_eq!(split("don't,won't"), ["don't", "won't"]);
        assert_eq!(split("['],', b],c"), ["['],', b]", "c"]);
        assert_eq!(split("1,,2"), ["1", "", "2"]);
    }

    #[test]
    fn names_are_as_short_as_they_can_be() {
        assert_eq!(names(&[("cluster.nodeMonitorGracePeriod", "20s,50s")])[1], "a[nodeMonitorGracePeriod=50s]");
        let two = names(&[("deployment/web.startup", "1s"), ("behaviour.deployment/db.startup", "1s,2s")]);
        assert_eq!(two, ["a[web.startup=1s,db.startup=1s]", "a[web.startup=1s,db.startup=2s]"]);
        assert_eq!(names(&[("replicas.deployment/web", "3")]), ["a[web=3]"]);
    }

    #[test]
    fn values_that_a_folder_cannot_be_called_are_written_plainly() {
        let kinds = names(&[("x", "{kind: constant, value: 1ms},../etc,'a b'")]);
        assert_eq!(kinds, ["a[x=kind-constant-value-1ms]", "a[x=..-etc]", "a[x=a-b]"]);
        assert_eq!(names(&[("x", "A,a")]), ["a[x=A-1]", "a[x=a-2]"]);
        assert_eq!(names(&[("x", "1,-1")]), ["a[x=1-1]", "a[x=1-2]"]);
        let long: Vec<(String, String)> =
            (0..6).map(|number| (format!("p{number}"), "x".repeat(30 + number))).collect();
        let long: Vec<(&str, &str)> = long.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
        assert_eq!(names(&long), ["a[1]"]);
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        let given = [("a", "1,1"), ("a", "2"), ("seed", "1,2"), ("arms", "x"), ("b", "1,,2"), ("c", "")];
        let (_, sink) = typed(&given);
        let codes: Vec<&str> = sink.items.iter().map(|item| item.code).collect();
        assert_eq!(codes, ["E0205", "E0302", "E0204", "E0204", "E0205", "E0205"]);
    }
}

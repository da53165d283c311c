//! Options that list names with commas between: what each name stands for, and all that is wrong with them at once.

use std::path::Path;

use scenarios::did_you_mean;

use crate::failure::Failure;

/// What writes no file.
pub(crate) const NONE: &str = "none";

/// The names behind an option that asks for files in the folder of `-o`, the `usual` ones when it is not given.
pub(crate) fn files_asked_for<'a>(
    option: &str,
    names: &'a [String],
    folder: Option<&Path>,
    usual: &[&'a str],
    wrong: &mut Vec<String>,
) -> Vec<&'a str> {
    let given = || format!("{option} {}", names.join(","));
    if names.iter().any(|name| name == NONE) {
        if names.len() > 1 {
            wrong.push(format!("{}: `none` goes with no other form", given()));
        }
        return Vec::new();
    }
    if folder.is_some() && names.is_empty() {
        return usual.to_vec();
    }
    if folder.is_none() && !names.is_empty() {
        wrong.push(format!("{} writes files; name a folder for them with -o DIR", given()));
    }
    names.iter().map(String::as_str).collect()
}

/// What the names stand for, each once, although it may have several names; `name_of` tells two apart.
pub(crate) fn each_once<'a, T>(
    names: impl IntoIterator<Item = &'a str>,
    find: impl Fn(&str) -> Result<T, String>,
    name_of: impl Fn(&T) -> &'static str,
    wrong: &mut Vec<String>,
) -> Vec<T> {
    let mut found: Vec<T> = Vec::new();
    for name in names {
        match find(name) {
            Ok(one) if found.iter().any(|known| name_of(known) == name_of(&one)) => {}
            Ok(one) => found.push(one),
            Err(what) => wrong.push(what),
        }
    }
    found
}

/// What is said of a name that an option does not know, which takes names of this `kind`.
pub(crate) fn unknown(option: &str, name: &str, kind: &str, known: &[&str]) -> String {
    let advice = did_you_mean(name, known.iter().copied());
    format!("{option} {name}: there is no such {kind}; there are {}; {advice}", known.join(", "))
}

/// Fails when anything was wrong, and tells all of it.
pub(crate) fn refuse(wrong: &[String]) -> Result<(), Failure> {
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

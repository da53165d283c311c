//! Commands that documents show, and what the program prints for them.

use std::fmt::Write as _;

/// The lines of a document's code blocks.
pub(crate) fn block_lines(document: &str) -> Vec<String> {
    document.split("```").skip(1).step_by(2).flat_map(str::lines).map(str::to_owned).collect()
}

/// The words of a command line, with simple quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.trim().chars() {
        match letter {
            '\'' | '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What is typed after the program's name, if a line runs podwire.
pub(crate) fn typed(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("podwire "))?;
    // The program's own output begins with its version.
    if line.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    // What follows belongs to the shell.
    line.split([';', '#', '|', '>']).next()
}

/// Runs the built program in the repository's folder and gives what it prints.
fn output_of(arguments: &str) -> String {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_podwire"))
        .args(words(arguments))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    String::from_utf8(run.stdout).unwrap()
}

/// The lines of a text that an excerpt asks for: `A..B` goes from the next line with A to the one with B, `A+N` takes
/// the next line with A and N more. Three dots stand for what is left out.
fn excerpt(text: &str, wanted: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut out, mut next) = (String::new(), 0);
    let find = |from: usize, word: &str| {
        let place = lines[from..].iter().position(|line| line.contains(word));
        from + place.unwrap_or_else(|| panic!("no line with `{word}` in\n{text}"))
    };
    for range in wanted.split("; ") {
        let (first, last) = match (range.split_once(".."), range.rsplit_once('+')) {
            (Some((first, last)), _) => (find(next, first), find(find(next, first), last)),
            (None, Some((first, more))) => (find(next, first), find(next, first) + more.parse::<usize>().unwrap()),
            (None, None) => panic!("`{range}` is no range of lines"),
        };
        if first > next {
            out += "...\n";
        }
        for line in &lines[first..=last] {
            out = out + line.trim_end() + "\n";
        }
        next = last + 1;
    }
    if next < lines.len() { out + "...\n" } else { out }
}

/// The README with its outputs made anew: a command's block, a mark with the lines wanted, the output's block.
pub(crate) fn with_fresh_outputs(readme: &str) -> (String, usize) {
    let mut parts = readme.split("<!-- output: ");
    let mut out = parts.next().unwrap().to_owned();
    let mut count = 0;
    for part in parts {
        let (wanted, rest) = part.split_once(" -->\n\n```\n").unwrap();
        let (_, rest) = rest.split_once("```\n").unwrap();
        let command = block_lines(&out).pop().unwrap();
        let printed = output_of(typed(&command).unwrap());
        let _ = write!(out, "<!-- output: {wanted} -->\n\n```\n{}```\n{rest}", excerpt(&printed, wanted));
        count += 1;
    }
    (out, count)
}

//! The nearest known name to a misspelt one.

use std::cmp::Reverse;

/// The known name with the least edit distance, if it is near enough to be meant; of equally near ones the one that begins
/// alike for longest, as slips are seldom at the begin of a word.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(2);
    let wrong = wrong.to_lowercase();
    let rank = |name: &str| {
        let name = name.to_lowercase();
        let alike = wrong.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        (edit_distance(&wrong, &name), Reverse(alike))
    };
    let ((distance, _), name) = known.into_iter().map(|name| (rank(name), name)).min_by_key(|(rank, _)| *rank)?;
    (distance <= limit).then_some(name)
}

/// What to tell a user who wrote an unknown name: the nearest one, or all there are.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(wrong, known.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    match known.len() {
        0 => "there is none".to_owned(),
        count if count <= MOST_LISTED => format!("known: {}", known.join(", ")),
        count => format!("known: {}, and {} more", known[..MOST_LISTED].join(", "), count - MOST_LISTED),
    }
}

/// More names than these are not listed in a help text.
const MOST_LISTED: usize = 12;

/// Levenshtein's distance in characters, a swap of neighbours counting once.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found() {
        let known = ["duration", "drain", "topology"];
        assert_eq!(nearest("duratoin", known), Some("duration"));
        assert_eq!(nearest("xyzzy", known), None);
        assert_eq!(nearest("jsn", ["csv", "jsonl"]), Some("jsonl"));
        assert_eq!(did_you_mean("xyzzy", ["a", "b"]), "known: a, b");
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("ab", "ba"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}

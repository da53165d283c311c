//! Balancing algorithms as one types them: `maglev,least-request(choices=3)`. Knows the registry and no scenario.

use sim_core::balancing::{self, Algorithm, BALANCERS};
use sim_core::model::parameters::{Argument, Arguments, Parameter, ParameterKind};

use crate::nearest::did_you_mean;
use crate::units;

/// An algorithm with the arguments that were typed.
pub struct ChosenAlgorithm {
    /// The algorithm.
    pub algorithm: &'static Algorithm,
    /// What was given, each within its parameter's bounds.
    pub arguments: Arguments,
    /// As it was typed, without spaces.
    pub text: String,
}

/// The algorithms of a list, `all` standing for every one; or everything that is wrong with it.
pub fn algorithms(list: &str) -> Result<Vec<ChosenAlgorithm>, Vec<String>> {
    let list: String = list.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (mut chosen, mut problems) = (Vec::new(), Vec::new());
    for item in outside_brackets(&list) {
        if item == "all" {
            let plain = |algorithm: &'static Algorithm| ChosenAlgorithm {
                algorithm,
                arguments: Arguments::default(),
                text: algorithm.spec.name.to_owned(),
            };
            chosen.extend(BALANCERS.iter().map(plain));
        } else {
            match algorithm(item) {
                Ok(algorithm) => chosen.push(algorithm),
                Err(found) => problems.extend(found),
            }
        }
    }
    if problems.is_empty() { Ok(chosen) } else { Err(problems) }
}

/// The items between commas that are in no brackets.
fn outside_brackets(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (place, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(&list[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    items.push(&list[start..]);
    items
}

fn algorithm(text: &str) -> Result<ChosenAlgorithm, Vec<String>> {
    let (name, given) = match text.split_once('(') {
        None => (text, ""),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(given) => (name, given),
            None => return Err(vec![format!("`{text}` does not end with a bracket")]),
        },
    };
    let Some(algorithm) = balancing::find(name) else {
        let names: Vec<&str> = BALANCERS.iter().map(|algorithm| algorithm.spec.name).collect();
        let mut problem = format!("`{name}` is no balancing algorithm");
        let help = did_you_mean(name, names.iter().copied());
        if help.starts_with("did") {
            problem = format!("{problem}; {help}");
        }
        return Err(vec![format!("{problem} There are {}", names.join(", "))]);
    };
    let (mut arguments, mut problems) = (Arguments::default(), Vec::new());
    for pair in given.split(',').filter(|pair| !pair.is_empty()) {
        match argument(algorithm, pair) {
            Ok((key, _)) if arguments.get(key).is_some() => problems.push(format!("{name}: `{key}` is given twice")),
            Ok((key, value)) => arguments.set(key, value),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    let missing = |it: &&Parameter| it.required && arguments.get(it.name).is_none();
    let missing = algorithm.spec.parameters.iter().filter(missing);
    problems.extend(missing.map(|it| format!("{name} needs `{}`: {}", it.name, it.summary)));
    if problems.is_empty() && algorithm.build(&arguments).is_none() {
        problems.push(format!("{text}: these values do not fit ({})", algorithm.spec.meaning(&arguments)));
    }
    if problems.is_empty() {
        Ok(ChosenAlgorithm { algorithm, arguments, text: text.to_owned() })
    } else {
        Err(problems)
    }
}

/// `choices=3`, as a value of the algorithm's parameter `choices`.
fn argument(algorithm: &Algorithm, pair: &str) -> Result<(&'static str, Argument), String> {
    let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not PARAMETER=VALUE"))?;
    let Some(parameter) = algorithm.spec.parameters.iter().find(|parameter| parameter.name == key) else {
        let help = did_you_mean(key, algorithm.spec.parameters.iter().map(|parameter| parameter.name));
        return Err(format!("no parameter `{key}`; {help}"));
    };
    let within = |min: u64, max: u64| {
        let count = value.parse::<u64>().ok().filter(|count| (min..=max).contains(count));
        count.map(Argument::Count)
    };
    let argument = match parameter.kind {
        ParameterKind::Choice { names } => {
            let found = names.iter().copied().find(|name| *name == value).map(Argument::Choice);
            found.ok_or_else(|| format!("`{value}` is no {key}; {}", did_you_mean(value, names.iter().copied())))
        }
        ParameterKind::Count { min } => {
            within(min, u64::MAX).ok_or_else(|| format!("{key}={value}: a whole number of {min} or more"))
        }
        ParameterKind::Within { min, max, .. } => {
            within(min, max).ok_or_else(|| format!("{key}={value}: a whole number from {min} to {max}"))
        }
        ParameterKind::Factor => units::factor(value).map(Argument::Factor),
        ParameterKind::Duration => units::duration(value).map(Argument::Duration),
        ParameterKind::Percent => units::parts_per_million(value).map(Argument::Percent),
        ParameterKind::Text => Ok(Argument::Text(value.to_owned())),
        ParameterKind::Rate
        | ParameterKind::RateOrZero
        | ParameterKind::Steps
        | ParameterKind::ArrivalFile
        | ParameterKind::Distribution
        | ParameterKind::Node
        | ParameterKind::Pod
        | ParameterKind::Link
        | ParameterKind::Zone
        | ParameterKind::Workload
        | ParameterKind::Service
        | ParameterKind::Nodes => Err(format!("`{key}` cannot be given without a scenario")),
    };
    argument.map(|argument| (parameter.name, argument))
}

/// Weights: `3,1,1`; or everything that is no whole number.
pub fn weights(list: &str) -> Result<Vec<u32>, Vec<String>> {
    let (mut weights, mut problems) = (Vec::new(), Vec::new());
    for item in list.split(',').map(str::trim) {
        match item.parse::<u32>() {
            Ok(weight) => weights.push(weight),
            Err(_) => {
                problems.push(format!("--weights: `{item}` is no whole number from 0 to {}", balancing::MAX_WEIGHT));
            }
        }
    }
    if problems.is_empty() { Ok(weights) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_brackets_part_nothing() {
        assert_eq!(outside_brackets("a,b(c=1,d=2),e"), ["a", "b(c=1,d=2)", "e"]);
    }

    #[test]
    fn all_problems_of_a_list_are_told() {
        let Err(problems) = algorithms("round-robbin, iptables-random(weight=2), nftables-random(") else {
            panic!("none of these is right");
        };
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("did you mean `round-robin`? There are iptables-random"), "{problems:?}");
        assert!(problems[1].contains("no parameter `weight`"), "{problems:?}");
    }

    #[test]
    fn all_stands_for_the_registry() {
        let names = |list: &str| -> Vec<&str> {
            let chosen = algorithms(list).unwrap_or_default();
            chosen.iter().map(|chosen| chosen.algorithm.spec.name).collect()
        };
        assert_eq!(names("all").len(), BALANCERS.len());
        assert_eq!(names("round-robin, nftables-random"), ["round-robin", "nftables-random"]);
    }

    #[test]
    fn weights_are_whole_numbers() {
        assert_eq!(weights("3, 1,0"), Ok(vec![3, 1, 0]));
        assert_eq!(weights("3,-1,x").unwrap_err().len(), 2);
    }
}

//! The generated part of docs/trace-format.md.

use std::fmt::Write as _;

use sim_core::trace::body::KINDS;
use sim_core::trace::fields::FieldType;
use sim_core::trace::words::{
    AddressPart, ChoiceRule, DeleteReason, DropReason, End, ExitReason, Outcome, PendingReason, ProbeKind, SegmentKind,
    TranslationRule,
};

/// The tables of record kinds, field types and word lists, in Markdown.
pub fn format_table() -> String {
    let mut out = String::from("| code | kind | level | what it says | fields |\n| ---: | --- | --- | --- | --- |\n");
    for kind in KINDS {
        let fields = kind.fields.iter().map(|(name, field_type)| format!("`{name}` {}", type_name(*field_type)));
        let fields = fields.collect::<Vec<_>>().join(", ");
        let (code, name, level) = (kind.code, kind.name, kind.level.name());
        let doc = kind.doc.trim().replace('|', "\\|");
        let _ = writeln!(out, "| {code} | `{name}` | {level} | {doc} | {fields} |");
    }
    out.push_str("\nWords, each one byte in the binary form:\n\n| list | words by code |\n| --- | --- |\n");
    for (name, words) in word_lists() {
        let _ = writeln!(out, "| {name} | {} |", words.join(", "));
    }
    out
}

/// What a field's type is called in the table.
fn type_name(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::U64 => "u64",
        FieldType::U32 => "u32",
        FieldType::U16 => "u16",
        FieldType::U8 => "u8",
        FieldType::Word(list) => list,
        FieldType::Node => "node",
        FieldType::Link => "link",
        FieldType::Workload => "workload",
        FieldType::Service => "service",
        FieldType::ServicePort => "service port",
        FieldType::Pod => "pod",
        FieldType::OptionalPod => "pod or none",
        FieldType::OptionalNode => "node or none",
        FieldType::Source => "source",
        FieldType::Fault => "fault",
        FieldType::Client => "client",
        FieldType::Address => "address",
        FieldType::Subnet => "subnet",
        FieldType::Ends => "ends or none",
        FieldType::Suffix => "suffix",
        FieldType::TemplateHash => "template hash",
    }
}

fn word_lists() -> Vec<(&'static str, Vec<String>)> {
    let list = |words: Vec<(u8, &str)>| words.into_iter().map(|(code, word)| format!("{code} `{word}`")).collect();
    vec![
        ("Outcome", list(Outcome::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("End", list(End::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("ExitReason", list(ExitReason::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("PendingReason", list(PendingReason::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("DeleteReason", list(DeleteReason::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("SegmentKind", list(SegmentKind::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("DropReason", list(DropReason::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("ChoiceRule", list(ChoiceRule::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("TranslationRule", list(TranslationRule::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("AddressPart", list(AddressPart::ALL.iter().map(|word| (word.code(), word.word())).collect())),
        ("ProbeKind", list(ProbeKind::ALL.iter().map(|word| (word.code(), word.word())).collect())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- generated: record kinds; UPDATE_DOCS=1 cargo test -p reports -->\n";
    const END: &str = "<!-- end of generated part -->";

    #[test]
    fn the_documents_generated_part_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trace-format.md");
        let document = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let (before, rest) = document.split_once(BEGIN).unwrap();
        let (generated, after) = rest.split_once(END).unwrap();
        let fresh = format!("\n{}\n", format_table());
        if generated != fresh && std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{fresh}{END}{after}")).unwrap();
            return;
        }
        assert_eq!(generated, fresh, "docs/trace-format.md: run UPDATE_DOCS=1 cargo test -p reports");
    }
}

//! Texts in, scenario out.

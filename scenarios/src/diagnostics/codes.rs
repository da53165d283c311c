//! Every diagnostic's code, in one table. A code, once published, keeps its meaning.

use super::Severity;

/// A kind of diagnostic.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `E` for errors, `W` for warnings, `N` for notes, and four digits.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it says, in a few words.
    pub summary: &'static str,
}

macro_rules! codes {
    ($($name:ident = $severity:ident $code:literal $summary:literal;)*) => {
        $(pub(crate) const $name: &Code =
            &Code { code: $code, severity: Severity::$severity, summary: $summary };)*

        /// All codes, in order.
        pub const CODES: &[&Code] = &[$($name),*];
    };
}

codes! {
    SYNTAX = Error "E0101" "the text is not YAML";
    DUPLICATE_KEY = Error "E0102" "a mapping holds a key twice";
    TEMPLATE = Error "E0103" "the file is a template, not YAML";
    UNFOLDS = Error "E0104" "aliases or nesting unfold beyond the limits";
    UNREADABLE = Error "E0105" "a file cannot be read";
    UNRECOGNISED = Error "E0106" "neither a scenario nor a manifest nor a compose file";
    UNKNOWN_KEY = Error "E0201" "an unknown key in podwire's own file";
    WRONG_TYPE = Error "E0202" "a value of the wrong type";
    MISSING_KEY = Error "E0203" "a required key is missing";
    UNKNOWN_PATH = Error "E0204" "a path to set leads nowhere";
    BAD_VALUE = Error "E0205" "a value that does not parse or is out of range";
    UNKNOWN_KIND = Error "E0206" "an unknown algorithm, fault or action kind, arrival process, preset, ...";
    VERSION = Error "E0207" "an apiVersion that this podwire does not read";
    PORT_RANGE = Error "E0301" "a port outside 1..65535";
    DUPLICATE_NAME = Error "E0302" "two objects of one name";
    SELECTOR_MISMATCH = Error "E0303" "a selector that does not match its own template";
    INCOMPLETE_OBJECT = Error "E0304" "an object that its own API would refuse";
    UNKNOWN_NODE = Error "E0401" "no such node";
    UNKNOWN_WORKLOAD = Error "E0402" "no such workload";
    UNKNOWN_SERVICE = Error "E0403" "no such Service";
    UNKNOWN_PORT = Error "E0404" "no such port";
    UNKNOWN_LINK = Error "E0405" "no such link";
    UNKNOWN_NAME = Error "E0406" "an unknown metric, arm, traffic, fault, action or edge";
    AMBIGUOUS = Error "E0407" "a name that several namespaces hold";
    UNKNOWN_ZONE = Error "E0408" "no such zone";
    NOT_MODELLED = Error "E0501" "a combination that is not modelled";
    DISCOVERY = Error "E0502" "a discovery that does not fit the address model";
    NEVER_HAPPENS = Error "E0503" "something planned for after the end of the run";
    INVALID_MODEL = Error "E0504" "values that do not fit together";
    ADDRESS_SPACE = Error "E0505" "an address block that is too small, or overlaps another";
    NOTHING_TO_RUN = Error "E0506" "a scenario without anything to run";
    PORT_PLAN = Error "E0507" "a published port that breaks the port plan";
    IGNORED_KEYS = Warning "W0101" "keys of a foreign file that are not modelled";
    LENIENT_BOOLEAN = Warning "W0102" "yes, no, on or off read as a boolean, as YAML 1.1 does";
    SELECTS_NOTHING = Warning "W0201" "a Service without backends, or a disruption budget without pods";
    PORT_NAME_MISSING = Warning "W0202" "a selected workload has no container port of the Service's target name";
    PARTLY_MODELLED = Warning "W0203" "a field that is read but changes nothing yet";
    UNUSED = Warning "W0204" "something that matches nothing or is not used";
    NO_EXPECTED_END = Warning "W0205" "a fault that outlasts the run";
    PORT_PLAN_BROKEN = Warning "W0206" "a published port that breaks the port plan, as the scenario allows";
    OVERLOADED = Warning "W0207" "more is asked of a workload than it can ever serve";
    SKIPPED_KIND = Note "N0101" "a kind of object that podwire does not model";
    SKIPPED_SERVICE = Note "N0102" "a compose service that is not started";
    NO_COUNTERPART = Note "N0103" "an action or fault that has no counterpart in an arm";
    LEFT_OUT = Note "N0104" "an object of a running cluster that is left out";
    MADE_UP = Note "N0105" "a controller that is made up from its pods";
    IMAGE_PORT = Note "N0106" "a port that is known from an image alone";
    HEALTHCHECK = Note "N0109" "a HEALTHCHECK of Docker's, which has no effect";
}

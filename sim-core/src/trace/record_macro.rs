//! The macro behind the record table: from one list of kinds it makes the type, the canonical encoding,
//! the neutral view of fields and the table that documentation and readers use.

macro_rules! records {
    ($($(#[doc = $doc:literal])+ $level:ident $name:ident = $code:literal $word:literal {
        $($field:ident: $type:ty => $field_doc:literal,)*
    })*) => {
        /// What a record says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Body {
            $($(#[doc = $doc])+ $name { $(#[doc = $field_doc] $field: $type,)* },)*
        }

        /// All record kinds by code.
        pub const KINDS: &[KindInfo] = &[$(KindInfo {
            code: $code,
            name: $word,
            level: Level::$level,
            doc: concat!($($doc,)+),
            fields: &[$((stringify!($field), <$type as Field>::TYPE),)*],
        },)*];

        impl Body {
            /// The code of this kind.
            #[inline]
            pub const fn code(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            /// The name of this kind.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $word,)*
                }
            }

            /// The level from which on a trace holds this kind.
            #[allow(clippy::inline_always, reason = "where a record is written, its kind is known")]
            #[inline(always)]
            pub const fn level(&self) -> Level {
                match self {
                    $(Self::$name { .. } => Level::$level,)*
                }
            }

            /// Writes the code, leaves `head` bytes for what all kinds have, writes the fields; returns the whole length.
            #[inline]
            pub(super) fn encode_around<const HEAD: usize>(&self, bytes: &mut [u8; LONGEST]) -> usize {
                match *self {
                    $(Self::$name { $($field,)* } => {
                        bytes[0] = $code;
                        #[allow(unused_mut, reason = "some kinds have no fields")]
                        let mut out = Encoder::behind(bytes, HEAD);
                        $(Field::encode($field, &mut out);)*
                        out.length()
                    })*
                }
            }

            pub(super) fn decode_fields(code: u8, input: &mut &[u8]) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name { $($field: Field::decode(input)?,)* }),)*
                    _ => None,
                }
            }

            /// Hands each field, in order, to `visit`.
            pub fn visit(&self, visit: &mut dyn FnMut(&'static str, Value)) {
                match *self {
                    $(Self::$name { $($field,)* } => { $(visit(stringify!($field), Field::value($field));)* let _ = &visit; })*
                }
            }

            /// The body of kind `kind` whose fields `look_up` knows.
            pub fn from_values(
                kind: &str,
                look_up: &mut dyn FnMut(&'static str, FieldType) -> Option<Value>,
            ) -> Option<Self> {
                let _ = &look_up;
                match kind {
                    $($word => Some(Self::$name {
                        $($field: Field::from_value(look_up(stringify!($field), <$type as Field>::TYPE)?)?,)*
                    }),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use records;

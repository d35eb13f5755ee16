//! The `[scale.custom]` table: a protocol in the site's own words.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::bounded::Bounded;
use crate::scale::custom::{Rules, pattern};

/// The table as it is written; what is left out is as in the default.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CustomTable {
    end: Option<Bytes>,
    pattern: Option<Pattern>,
    stable: Option<Vec<Bytes>>,
    moving: Option<Vec<Bytes>>,
    over: Option<Vec<Bytes>>,
    under: Option<Vec<Bytes>>,
    request: Option<Bytes>,
    poll_ms: Option<PollMs>,
    answer_ms: Option<AnswerMs>,
}

/// No scale is asked more than fifty times a second, nor less than once in ten seconds.
type PollMs = Bounded<20, 10_000>;
/// From a quick scale to one that waits for the load to rest.
type AnswerMs = Bounded<50, 10_000>;

impl From<CustomTable> for Rules {
    fn from(table: CustomTable) -> Self {
        let default = Self::default();
        let words = |words: Option<Vec<Bytes>>, default| {
            words.map_or(default, |words| words.into_iter().map(|word| word.0).collect())
        };
        Self {
            end: table.end.map_or(default.end, |end| end.0),
            pattern: table.pattern.map_or(default.pattern, |pattern| pattern.0),
            stable: words(table.stable, default.stable),
            moving: words(table.moving, default.moving),
            over: words(table.over, default.over),
            under: words(table.under, default.under),
            request: table.request.map(|request| request.0),
            poll: table.poll_ms.map_or(default.poll, Bounded::as_millis),
            answer_within: table
                .answer_ms
                .map_or(default.answer_within, |limit: AnswerMs| Duration::from_millis(limit.get().into())),
        }
    }
}

/// One to 64 bytes: characters stand for themselves, `\r \n \t \\` and `\x05` for what cannot be typed.
#[derive(Clone)]
struct Bytes(Vec<u8>);

const MOST_BYTES: usize = 64;

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = unescape(&text).filter(|bytes| (1..=MOST_BYTES).contains(&bytes.len()));
        let expected = "1 to 64 bytes, with \\r, \\n, \\t, \\\\ and \\x05 for what cannot be typed";
        bytes.map(Self).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[derive(Clone)]
struct Pattern(regex::bytes::Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        pattern(&String::deserialize(from)?).map(Self).map_err(de::Error::custom)
    }
}

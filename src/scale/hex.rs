//! Bytes as people write them down: two hexadecimal digits each, blanks between.

use std::fmt::Write as _;

/// The text is not bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHex {
    /// A character that is neither a hexadecimal digit nor a blank.
    #[error("line {line}, column {column}: {found:?} is not a hexadecimal digit")]
    NotADigit {
        /// The character.
        found: char,
        /// Its line, from one.
        line: usize,
        /// Its column in that line in characters, from one.
        column: usize,
    },
    /// The last digit stands alone.
    #[error("line {line}, column {column}: the last byte has one digit, expected two")]
    Odd {
        /// The lone digit's line, from one.
        line: usize,
        /// Its column in that line in characters, from one.
        column: usize,
    },
}

/// Reads bytes written as hexadecimal digits in either case. Blanks, tabs and line ends are ignored, also
/// between the two digits of a byte.
pub fn bytes_from_hex(text: &str) -> Result<Vec<u8>, NotHex> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None::<(u8, usize, usize)>;
    for (row, content) in text.lines().enumerate() {
        for (place, found) in content.chars().enumerate().filter(|(_, found)| !found.is_whitespace()) {
            let (line, column) = (row + 1, place + 1);
            let digit = found.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(NotHex::NotADigit { found, line, column })?;
            high = match high {
                None => Some((digit, line, column)),
                Some((high, ..)) => {
                    bytes.push(high * 16 + digit);
                    None
                }
            };
        }
    }
    high.map_or(Ok(bytes), |(_, line, column)| Err(NotHex::Odd { line, column }))
}

/// Bytes in upper-case hexadecimal with a blank between them.
#[must_use]
pub fn hex_from_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let gap = if text.is_empty() { "" } else { " " };
        let _infallible = write!(text, "{gap}{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blanks_and_case_do_not_matter() {
        assert_eq!(bytes_from_hex(" 02 30\n2e0D\t f F \r\n"), Ok(vec![0x02, 0x30, 0x2E, 0x0D, 0xFF]));
        assert_eq!(bytes_from_hex(""), Ok(vec![]));
    }

    #[test]
    fn what_is_not_hex_is_refused_with_its_place() {
        assert_eq!(bytes_from_hex("02\n3G"), Err(NotHex::NotADigit { found: 'G', line: 2, column: 2 }));
        assert_eq!(bytes_from_hex("0x02"), Err(NotHex::NotADigit { found: 'x', line: 1, column: 2 }));
        assert_eq!(bytes_from_hex("02 30 3"), Err(NotHex::Odd { line: 1, column: 7 }));
        assert_eq!(bytes_from_hex("é"), Err(NotHex::NotADigit { found: 'é', line: 1, column: 1 }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(bytes_from_hex(&hex_from_bytes(&bytes)), Ok(bytes));
        }
    }
}

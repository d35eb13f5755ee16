//! The checksums by which a Dialog scale knows the till it was approved with.
//!
//! Scale maker and till maker agree on them; whoever runs a till has them from there. Layout of the challenge:
//! Mettler Toledo Diva service manual, Cely PI100 manual.

use std::fmt;

/// Pairs of a checksum and its companion. They print as `…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Checksums(Vec<(u16, u16)>);

/// The text does not hold checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one to five lines, each a checksum and its companion as four hexadecimal digits: CCCC KKKK"
)]
pub struct NotChecksums;

/// Record 10 has room for so many pairs.
const MOST_PAIRS: usize = 5;

impl Checksums {
    /// Reads one pair a line.
    pub fn parse(text: &str) -> Result<Self, NotChecksums> {
        let word = |word: Option<&str>| {
            let word = word.filter(|word| word.len() == 4).ok_or(NotChecksums)?;
            u16::from_str_radix(word, 16).map_err(|_| NotChecksums)
        };
        let pair = |line: &str| {
            let mut words = line.split_whitespace();
            let pair = (word(words.next())?, word(words.next())?);
            if words.next().is_none() { Ok(pair) } else { Err(NotChecksums) }
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let pairs = lines.map(pair).collect::<Result<Vec<_>, _>>()?;
        if (1..=MOST_PAIRS).contains(&pairs.len()) { Ok(Self(pairs)) } else { Err(NotChecksums) }
    }

    /// Record 10 for a challenge: checksums turned left by its high digit, companions right by its low one.
    pub(super) fn answer(&self, challenge: u8) -> Vec<u8> {
        let (left, right) = (u32::from(challenge >> 4), u32::from(challenge & 0x0F));
        let turned = self.0.iter().map(|(sum, companion)| {
            format!("{:04X}{:04X}", sum.rotate_left(left), companion.rotate_right(right))
        });
        let pairs: String = turned.collect();
        format!("\x04\x0210\x1B{pairs}\x03").into_bytes()
    }
}

impl fmt::Debug for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_example_comes_out() {
        let pair = Checksums::parse("4711 F336\n").unwrap();
        assert_eq!(pair.answer(0x47), b"\x04\x0210\x1B71146DE6\x03");
        assert_eq!(pair.answer(0x00), b"\x04\x0210\x1B4711F336\x03");
        assert_eq!(format!("{pair:?}"), "…");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "4711", "4711 F33", "4711 F336 1", "4711 GGGG", &"4711 F336\n".repeat(6)] {
            assert_eq!(Checksums::parse(bad), Err(NotChecksums), "{bad:?}");
        }
    }
}

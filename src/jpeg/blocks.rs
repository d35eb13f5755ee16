//! The blocks of a scan, one at a time: passed over, copied bit for bit, or read.
//!
//! What the AC coefficients' codes say does not depend on the blocks around them, so a block that moves to
//! another place in the picture needs a new DC difference only.

use super::bits::{Reader, Writer};
use super::decode::{LEFT_OUT_SLOT, Slot};
use super::huffman::{END_OF_BLOCK, Entry, Lookup, value};
use super::idct::Block;

/// Coefficients of a block.
const COEFFICIENTS: u8 = 64;

/// Reads the difference of a block's DC coefficient to the one before (T.81, F.2.2.1).
#[inline]
pub(super) fn dc_difference(reader: &mut Reader<'_>, table: &Lookup) -> Option<i32> {
    reader.refill();
    let entry = table.entry(reader.ahead());
    if entry.total == 0 {
        return None;
    }
    let value = value(reader.ahead() << entry.code, entry.size);
    reader.skip(entry.total.into());
    Some(value.into())
}

/// Passes over a block's AC coefficients; nothing if they are not coded as any block's can be.
#[inline]
pub(super) fn skip_ac(reader: &mut Reader<'_>, table: &Lookup) -> Option<()> {
    each_ac(reader, table, |_, _, _| {})
}

/// Copies the codes of a block's AC coefficients.
#[inline]
pub(super) fn copy_ac(reader: &mut Reader<'_>, table: &Lookup, writer: &mut Writer) -> Option<()> {
    writer.with_pen(|pen| {
        each_ac(reader, table, |ahead, _, codes| pen.put(ahead >> (64 - codes.bits), codes.bits))
    })
}

/// Reads a block's AC coefficients into a block of zeros.
#[inline]
pub(super) fn read_ac(
    reader: &mut Reader<'_>,
    table: &Lookup,
    slots: &[Slot; 256],
    block: &mut Block,
) -> Option<()> {
    let mut store = |behind: u8, value: f32| {
        let Slot { step, place } = slots.get(usize::from(behind)).copied().unwrap_or(LEFT_OUT_SLOT);
        if let Some(coefficient) = block.get_mut(usize::from(place)) {
            *coefficient = value * step;
        }
    };
    each_ac(reader, table, |ahead, entry, codes| {
        // Without a second code this is the first one's place, which is written once more.
        store(codes.end, f32::from(entry.next_value));
        let is_known = entry.value != 0 || entry.size == 0;
        let value = if is_known { entry.value } else { value(ahead << entry.code, entry.size) };
        store(codes.behind, f32::from(value));
    })
}

/// Codes that were read at once: how many bits, the place behind the first of them, and behind the last.
#[derive(Clone, Copy)]
struct Codes {
    bits: u32,
    behind: u8,
    end: u8,
}

/// Goes over the codes of a block's AC coefficients, with the bits from there on.
#[inline]
fn each_ac(reader: &mut Reader<'_>, table: &Lookup, mut coded: impl FnMut(u64, Entry, Codes)) -> Option<()> {
    let mut own = *reader;
    let mut place = 1;
    while place < COEFFICIENTS {
        own.refill();
        let (ahead, entry) = (own.ahead(), table.entry(own.ahead()));
        if entry.total == 0 {
            return None;
        }
        // No advance is more than 128, and a run no more than 16.
        let behind = place + entry.advance;
        let found = if behind < COEFFICIENTS {
            Codes { bits: entry.total.into(), behind, end: behind + entry.next }
        } else {
            // What comes next is another block's.
            Codes { bits: entry.alone(), behind, end: behind }
        };
        own.skip(found.bits);
        coded(ahead, entry, found);
        place = found.end;
    }
    *reader = own;
    (place == COEFFICIENTS || place > END_OF_BLOCK).then_some(())
}

/// The category of a value, which is how many bits it takes, and those bits (T.81, F.1.2.1).
#[inline]
pub(super) fn category(value: i32) -> (u32, u64) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = value.wrapping_add(value >> 31).cast_unsigned();
    (size, u64::from(bits) & ((1 << size) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_categories_by_the_standards_table() {
        // T.81 tables F.1 and F.2: category 3 holds -7 to -4 as 000 to 011, 4 to 7 as 100 to 111.
        for (difference, size, bits) in
            [(0, 0, 0), (-1, 1, 0), (1, 1, 1), (-7, 3, 0), (-4, 3, 0b011), (4, 3, 0b100), (7, 3, 0b111)]
        {
            assert_eq!(category(difference), (size, bits));
        }
        for difference in -2047..=2047 {
            let (size, bits) = category(difference);
            let ahead = if size == 0 { 0x8000_0000_0000_0001 } else { bits << (64 - size) };
            assert_eq!(i32::from(value(ahead, u8::try_from(size).unwrap())), difference);
        }
    }
}

//! What is written for the coefficients of a block, by the standard tables: the order they come in, and their codes.

use std::sync::LazyLock;

use super::bits::Pen;
use super::blocks::category;
use super::decode::zigzag;
use super::huffman::{Class, standard};
use super::lanes::present;

/// Where coefficients stand: by columns in a block, by the zigzag in the file.
struct Order {
    /// The place by columns of each place in the zigzag.
    by_columns: [u8; 64],
    /// For each column and every choice of its coefficients: a bit for each of their places in the zigzag.
    in_zigzag: [[u64; 256]; 8],
}

static ORDER: LazyLock<Order> = LazyLock::new(|| {
    let (mut by_columns, mut in_zigzag) = ([0; 64], [[0; 256]; 8]);
    for ((place, by_columns), (row, column)) in (0..64).zip(&mut by_columns).zip(zigzag()) {
        *by_columns = column * 8 + row;
        let choices = in_zigzag.iter_mut().skip(column.into()).take(1).flatten().enumerate();
        for (_, places) in choices.filter(|(choice, _)| choice >> row & 1 == 1) {
            *places |= 1_u64 << place;
        }
    }
    Order { by_columns, in_zigzag }
});

impl Order {
    /// From a bit for each coefficient by columns to one for each in the order of the zigzag.
    #[inline]
    fn in_zigzag(&self, present: u64) -> u64 {
        let columns = self.in_zigzag.iter().zip(present.to_le_bytes());
        columns.fold(0, |found, (places, choice)| {
            found | places.get(usize::from(choice)).copied().unwrap_or_default()
        })
    }
}

/// How many values count as near zero; half of them are below it.
const NEAR: u32 = 64;

/// What is written for a run of zeros and the value behind it.
struct Codes {
    /// By symbol: a code, and how long it is with the bits of the value behind it.
    symbols: [(u16, u8); 256],
    /// For each run and value near zero, which nearly all are at usual qualities: code and bits of the value, and in the
    /// lowest five bits how many these are. At most 22: a code of 16 and six of the value.
    near: [u32; 1024],
}

impl Codes {
    fn new(class: Class, slot: u8) -> Option<Self> {
        let mut symbols = standard(class, slot)?.codes_by_symbol();
        for ((_, length), symbol) in symbols.iter_mut().zip(0..=255) {
            // The size of the value is the lower half of its symbol (F.1.2).
            *length += symbol & 15;
        }
        let mut codes = Self { symbols, near: [0; 1024] };
        let mut near = [0; 1024];
        let values = (0..16).flat_map(|zeros| (-32..32).map(move |value| (zeros, value)));
        for (place, (zeros, value)) in near.iter_mut().zip(values) {
            let (bits, count) = codes.look_up(zeros, value);
            *place = u32::try_from(bits << 5).ok()? | count;
        }
        codes.near = near;
        Some(codes)
    }

    fn look_up(&self, zeros: u32, value: i32) -> (u64, u32) {
        let (size, bits) = category(value);
        let [symbol, ..] = (zeros << 4 | size).to_le_bytes();
        let (code, count) = self.symbols.get(usize::from(symbol)).copied().unwrap_or_default();
        (u64::from(code) << size | bits, count.into())
    }

    /// Writes a run of at most 15 zeros and the value behind it. Fifteen and a zero are sixteen zeros, none and a zero are
    /// the end of a block.
    #[inline]
    fn put(&self, zeros: u32, value: i32, pen: &mut Pen<'_>) {
        let above = (value + 32).cast_unsigned();
        if above < NEAR {
            let [low, high, ..] = (zeros * NEAR + above).to_le_bytes();
            let place = usize::from(u16::from_le_bytes([low, high & 3]));
            let written = self.near.get(place).copied().unwrap_or_default();
            pen.put(u64::from(written >> 5), written & 31);
        } else {
            let (bits, count) = self.look_up(zeros, value);
            pen.put(bits, count);
        }
    }
}

/// The standard tables for one kind of component.
pub(super) struct Symbols {
    dc: Codes,
    ac: Codes,
    order: &'static Order,
}

static STANDARD: LazyLock<[Option<Symbols>; 2]> = LazyLock::new(|| {
    [0, 1].map(|slot| {
        let (dc, ac) = (Codes::new(Class::Dc, slot)?, Codes::new(Class::Ac, slot)?);
        Some(Symbols { dc, ac, order: &ORDER })
    })
});

impl Symbols {
    /// The tables of a slot: 0 is for luminance, 1 for chrominance.
    pub(super) fn standard(slot: u8) -> Option<&'static Self> {
        STANDARD.get(usize::from(slot))?.as_ref()
    }

    /// Writes a block, given by columns, whose first coefficient differs from that of the block before by so much.
    #[inline]
    pub(super) fn write(&self, difference: i32, coefficients: &[i16; 64], pen: &mut Pen<'_>) {
        self.dc.put(0, difference, pen);
        // Most are zero, and not looked at one by one.
        let (mut rest, mut behind) = (self.order.in_zigzag(present(coefficients)) & !1, 1);
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            let mut zeros = place - behind;
            while zeros > 15 {
                self.ac.put(15, 0, pen);
                zeros -= 16;
            }
            let [place_byte, ..] = place.to_le_bytes();
            let column = self.order.by_columns.get(usize::from(place_byte & 63)).copied().unwrap_or_default();
            let value = coefficients.get(usize::from(column & 63)).copied().unwrap_or_default();
            self.ac.put(zeros, value.into(), pen);
            behind = place + 1;
        }
        if behind < 64 {
            self.ac.put(0, 0, pen);
        }
    }
}

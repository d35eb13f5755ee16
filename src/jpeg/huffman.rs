//! Huffman tables: as the file brings them, for reading, and for writing.

use super::STANDARD_TABLES;

/// A table as a DHT segment brings it (T.81, B.2.4.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// How many codes there are of each length from 1 to 16.
    pub(super) counts: [u8; 16],
    symbols: [u8; 256],
}

/// What a table is for, which decides what its symbols mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Dc,
    Ac,
}

/// Takes the next table off a DHT segment's payload: class, slot, table. Nothing if it is not well formed.
pub(super) fn next_table(payload: &mut &[u8]) -> Option<(Class, u8, Table)> {
    let (&name, rest) = payload.split_first()?;
    let (&counts, rest) = rest.split_first_chunk::<16>()?;
    let codes: usize = counts.iter().map(|&count| usize::from(count)).sum();
    let mut symbols = [0; 256];
    symbols.get_mut(..codes)?.copy_from_slice(rest.get(..codes)?);
    *payload = rest.get(codes..)?;
    let class = match name >> 4 {
        0 => Class::Dc,
        1 => Class::Ac,
        _ => return None,
    };
    let (slot, table) = (name & 15, Table { counts, symbols });
    (slot < 4 && table.has_room()).then_some((class, slot, table))
}

/// One of the standard tables: slot 0 is for luminance, slot 1 for chrominance.
pub(super) fn standard(wanted: Class, slot: u8) -> Option<Table> {
    let mut payload = STANDARD_TABLES.get(4..)?;
    while let Some((class, found, table)) = next_table(&mut payload) {
        if (class, found) == (wanted, slot) {
            return Some(table);
        }
    }
    None
}

impl Table {
    /// The symbols in the order of their codes.
    pub(super) fn symbols(&self) -> &[u8] {
        let codes: usize = self.counts.iter().map(|&count| usize::from(count)).sum();
        self.symbols.get(..codes).unwrap_or_default()
    }

    /// Whether all codes fit into their lengths.
    fn has_room(&self) -> bool {
        let used = self
            .counts
            .iter()
            .zip(1..)
            .map(|(&count, length)| u32::from(count) << (16 - length))
            .sum::<u32>();
        used <= 1 << 16
    }

    /// Each code at the top of 16 bits, its length, its symbol.
    fn codes(&self) -> impl Iterator<Item = (u32, u32, u8)> {
        let lengths =
            self.counts.iter().zip(1_u32..).flat_map(|(&count, length)| (0..count).map(move |_| length));
        lengths.zip(self.symbols()).scan(0, |next, (length, &symbol)| {
            let code = *next;
            *next += 1 << (16 - length);
            Some((code, length, symbol))
        })
    }

    /// The codes and their lengths, by symbol; a length of zero where there is none.
    pub(super) fn codes_by_symbol(&self) -> [(u16, u8); 256] {
        let mut codes = [(0, 0); 256];
        for (code, length, symbol) in self.codes() {
            if let Some(place) = codes.get_mut(usize::from(symbol)) {
                let code = u16::try_from(code >> (16 - length)).unwrap_or_default();
                *place = (code, u8::try_from(length).unwrap_or_default());
            }
        }
        codes
    }

    /// The code of a symbol, and its length.
    pub(super) fn code(&self, symbol: u8) -> Option<(u16, u32)> {
        let (code, length, _) = self.codes().find(|&(_, _, found)| found == symbol)?;
        Some((u16::try_from(code >> (16 - length)).ok()?, length))
    }
}

/// Codes up to this length are looked up at once; in the standard tables all but the rare ones.
const LOOKED_UP: u32 = 10;

/// What a code stands for, ready to be used.
///
/// For AC the `advance` is how many coefficients it accounts for: the run of zeros and the one behind it;
/// [`END_OF_BLOCK`] for the end of the block. Where the bits looked up hold a second code with all of its value, that is
/// told at once: half of all codes are second ones, and each look takes as long as the one before lets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(8))]
pub(super) struct Entry {
    /// Bits of the code and of the value behind it, and of the second one; zero for no entry.
    pub(super) total: u8,
    /// Bits of the code alone.
    pub(super) code: u8,
    /// Bits of the value.
    pub(super) size: u8,
    /// Coefficients accounted for.
    pub(super) advance: u8,
    /// The value, where its bits were looked up with the code; zero if they still have to be read.
    pub(super) value: i16,
    /// Coefficients that the second code accounts for; zero if there is none.
    pub(super) next: u8,
    /// Its value.
    pub(super) next_value: i8,
}

/// More coefficients than a block has, and more than a run can reach over its end.
pub(super) const END_OF_BLOCK: u8 = 128;

impl Entry {
    /// The entry of a symbol; nothing if an 8-bit sequential picture cannot have it (T.81, F.1.2).
    fn new(class: Class, symbol: u8, length: u32) -> Option<Self> {
        let code = u8::try_from(length).ok()?;
        let (run, size) = (symbol >> 4, symbol & 15);
        let advance = match class {
            Class::Dc if symbol <= 11 => 1,
            Class::Ac if symbol == 0 => END_OF_BLOCK,
            Class::Ac if symbol == 0xF0 || (1..=10).contains(&size) => run + 1,
            Class::Dc | Class::Ac => return None,
        };
        Some(Self { total: code + size, code, size, advance, ..Self::default() })
    }
}

impl Entry {
    /// Adds the code behind this one, if the bits at `place` hold it whole.
    fn join(&mut self, place: usize, entries: &[Self; 1 << LOOKED_UP]) {
        let Some(left) = LOOKED_UP.checked_sub(self.total.into()).filter(|_| self.total > 0) else { return };
        let behind = entries.get(place << self.total & ((1 << LOOKED_UP) - 1));
        let Some(second) = behind.filter(|second| (1..=left).contains(&second.total.into())) else { return };
        if self.advance < END_OF_BLOCK
            && let Ok(value) = i8::try_from(second.value)
        {
            (self.next, self.next_value) = (second.advance, value);
            self.total += second.total;
        }
    }

    /// Bits of the first code and its value.
    #[inline]
    pub(super) fn alone(self) -> u32 {
        u32::from(self.code) + u32::from(self.size)
    }
}

/// The signed value that the first `size` bits stand for (T.81, F.2.2.1, EXTEND); no size is more than 11.
#[inline]
pub(super) fn value(ahead: u64, size: u8) -> i16 {
    let [.., b1, b0] = ((ahead >> 1) >> (63 - size)).to_be_bytes();
    // A leading zero means a negative value, counted from the lowest of its size. Signs are as good as random, so
    // there is no branch here for the processor to guess wrong.
    let [.., negative] = (!ahead >> 63).to_be_bytes();
    i16::from_be_bytes([b1, b0]) - i16::from(negative) * ((1 << size) - 1)
}

/// A table for reading.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    short: Box<[Entry; 1 << LOOKED_UP]>,
    /// The longer codes: the first 16-bit pattern behind each, and its entry.
    long: Vec<(u32, Entry)>,
    /// The first 16-bit pattern that is a longer code.
    long_from: u32,
}

impl Lookup {
    pub(super) fn new(class: Class, table: &Table) -> Self {
        let mut short = Box::new([Entry::default(); 1 << LOOKED_UP]);
        let (mut long, mut long_from) = (Vec::new(), 1 << 16);
        for (code, length, symbol) in table.codes() {
            let entry = Entry::new(class, symbol, length).unwrap_or_default();
            if length > LOOKED_UP {
                long_from = long_from.min(code);
                long.push((code + (1 << (16 - length)), entry));
                continue;
            }
            let first = usize::try_from(code >> (16 - LOOKED_UP)).unwrap_or(usize::MAX);
            let entries = short.get_mut(first..first.saturating_add(1 << (LOOKED_UP - length)));
            for (behind, place) in (0_u64..).zip(entries.unwrap_or_default()) {
                let behind = behind.checked_shl(64 - LOOKED_UP + length).unwrap_or_default();
                let value = value(behind, entry.size);
                let known = u32::from(entry.total) <= LOOKED_UP;
                *place = Entry { value: if known { value } else { 0 }, ..entry };
            }
        }
        if class == Class::Ac {
            let single = short.clone();
            for (place, entry) in short.iter_mut().enumerate() {
                entry.join(place, &single);
            }
        }
        Self { short, long, long_from }
    }

    /// The entry of the code at the top of `ahead`; its total is zero if there is no such code.
    #[inline]
    pub(super) fn entry(&self, ahead: u64) -> Entry {
        let place = usize::try_from(ahead >> (64 - LOOKED_UP)).unwrap_or_default();
        match self.short.get(place) {
            Some(&entry) if entry.total != 0 => entry,
            _ => self.long_entry(ahead),
        }
    }

    #[cold]
    fn long_entry(&self, ahead: u64) -> Entry {
        let pattern = u32::try_from(ahead >> 48).unwrap_or(u32::MAX);
        if pattern < self.long_from {
            return Entry::default();
        }
        self.long.iter().find(|(behind, _)| pattern < *behind).map(|&(_, entry)| entry).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(mut payload: &[u8]) -> Option<Vec<(Class, u8, Table)>> {
        let mut found = Vec::new();
        while !payload.is_empty() {
            found.push(next_table(&mut payload)?);
        }
        Some(found)
    }

    fn all_standard() -> Vec<(Class, u8, Table)> {
        tables(&STANDARD_TABLES[4..]).unwrap()
    }

    #[test]
    fn every_code_of_the_standard_tables_is_found_again() {
        let tables = all_standard();
        assert_eq!(tables.len(), 4);
        for (class, _, table) in tables {
            let lookup = Lookup::new(class, &table);
            let mut count = 0;
            for (code, length, symbol) in table.codes() {
                let ahead = (u64::from(code) << 48) | ((1 << (48 + 16 - length)) - 1) & 0xFFFF_FFFF;
                let entry = lookup.entry(ahead);
                assert_eq!((u32::from(entry.code), entry.size), (length, symbol & 15));
                assert_eq!(table.code(symbol), Some((u16::try_from(code >> (16 - length)).unwrap(), length)));
                count += 1;
            }
            assert_eq!(count, if class == Class::Dc { 12 } else { 162 });
            // All ones is no code (T.81, C.2).
            assert_eq!(lookup.entry(u64::MAX).total, 0);
        }
    }

    #[test]
    fn codes_by_the_standards_own_table() {
        let tables = all_standard();
        let code = |place: usize, symbol| tables[place].2.code(symbol).unwrap();
        // T.81 tables K.3 and K.5: the codes of category 0 and 11, of the end of a block, of F/A.
        assert_eq!(code(0, 0), (0b00, 2));
        assert_eq!(code(0, 11), (0b1_1111_1110, 9));
        assert_eq!(code(1, 0x00), (0b1010, 4));
        assert_eq!(code(1, 0xF0), (0b111_1111_1001, 11));
        assert_eq!(code(1, 0xFA), (0xFFFE, 16));
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        let segment = |counts: [u8; 16], symbols: usize| [&[0x00][..], &counts, &vec![1; symbols]].concat();
        let mut counts = [0; 16];
        counts[0] = 2;
        assert!(tables(&segment(counts, 2)).is_some());
        assert!(tables(&segment(counts, 1)).is_none());
        counts[1] = 1;
        assert!(tables(&segment(counts, 3)).is_none());
    }

    #[test]
    fn symbols_that_an_8_bit_picture_cannot_have_are_no_codes() {
        let mut counts = [0; 16];
        counts[2] = 4;
        let segment = [&[0x10][..], &counts, &[0x10, 0x0B, 0x01, 0x00]].concat();
        let (class, _, table) = tables(&segment).unwrap().remove(0);
        let lookup = Lookup::new(class, &table);
        let totals = [0_u64, 1, 2, 3, 4].map(|code| lookup.entry(code << 61).total);
        assert_eq!(totals, [0, 0, 4, 3, 0]);
        // Nor are they taken for one of the longer codes.
        counts[2] = 1;
        counts[11] = 1;
        let segment = [&[0x10][..], &counts, &[0x10, 0x01]].concat();
        let (class, _, table) = tables(&segment).unwrap().remove(0);
        let lookup = Lookup::new(class, &table);
        assert_eq!([0, 1 << 61].map(|ahead| lookup.entry(ahead).total), [0, 13]);
    }
}

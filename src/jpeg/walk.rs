//! The walk over a whole file: what the header says, and whether every marker stands where it may.

use super::header::{Coding, Header};
use super::huffman::{Class, next_table};
use super::segments::{Cursor, marker};
use super::{Damage, STANDARD_TABLES, whole};

/// A whole image whose segments have been walked from start to end.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    header: Header,
    tables_due: Option<usize>,
}

impl<'a> Image<'a> {
    /// Walks a frame from its start to its end, padding behind it allowed.
    ///
    /// Costs a search for `FF` through the bytes; nothing is decoded and nothing allocated.
    pub fn read(frame: &'a [u8]) -> Result<Self, Damage> {
        let bytes = whole(frame)?;
        let walked = Walk::new(bytes).finish()?;
        let header = walked.header.ok_or(Damage::Incomplete)?;
        let tables_due = if walked.tables_missing { walked.first_tables } else { None };
        Ok(Self { bytes, header, tables_due })
    }

    /// The image's bytes without padding.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the frame header says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the file needs the [`STANDARD_TABLES`].
    #[must_use]
    pub const fn lacks_tables(&self) -> bool {
        self.tables_due.is_some()
    }

    /// The image in pieces that make a file any decoder reads: as it is, or with the [`STANDARD_TABLES`]
    /// put in where the frame left its Huffman tables out.
    ///
    /// They stand before the frame's own tables, so those, if it brings some, win.
    #[must_use]
    pub fn pieces(&self) -> [&'a [u8]; 3] {
        let split = self.tables_due.and_then(|offset| self.bytes.split_at_checked(offset));
        match split {
            Some((before, behind)) => [before, &STANDARD_TABLES, behind],
            None => [self.bytes, &[], &[]],
        }
    }
}

/// What a walk has seen so far.
struct Walk<'a> {
    bytes: &'a [u8],
    cursor: Cursor<'a>,
    header: Option<Header>,
    /// A bit for each quantisation table.
    quantisation: u8,
    /// A bit for each Huffman table: DC in the lower four, AC in the upper.
    huffman: u8,
    /// Whether a scan needs a Huffman table that had not come.
    tables_missing: bool,
    /// Where the first Huffman table or scan stands.
    first_tables: Option<usize>,
    restart_interval: u16,
    /// A bit for each component that a scan has brought.
    scanned: u8,
}

/// One component of a scan: its place in the frame header, and its tables.
pub(super) type Scanned = (usize, u8);

impl<'a> Walk<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            cursor: Cursor::new(bytes, 2),
            header: None,
            quantisation: 0,
            huffman: 0,
            tables_missing: false,
            first_tables: None,
            restart_interval: 0,
            scanned: 0,
        }
    }

    fn finish(mut self) -> Result<Self, Damage> {
        loop {
            let offset = self.cursor.at();
            let marker = self.cursor.marker()?;
            let misplaced = Damage::Misplaced { marker, offset };
            match marker {
                marker::EOI => return self.ended(),
                marker::DQT
                | marker::DHT
                | marker::DRI
                | marker::SOS
                | marker::APP0..=marker::APP15
                | marker::COM => {}
                marker::JPG | marker::DAC => return Err(misplaced),
                marker::SOF0..=marker::SOF15 if self.header.is_none() => {}
                _ => return Err(misplaced),
            }
            if self.is_complete() {
                return Err(misplaced);
            }
            let payload = self.cursor.payload(marker)?;
            self.segment(marker, offset, payload).ok_or(Damage::Malformed { marker, offset })?;
            if marker == marker::SOS {
                self.entropy(payload)?;
            }
        }
    }

    /// Whether every component of the frame has come in a scan.
    fn has_all(&self) -> bool {
        let every = |header: &Header| header.components().iter().fold(0, |bits, _| bits << 1 | 1);
        self.header.as_ref().is_some_and(|header| every(header) == self.scanned)
    }

    /// Whether nothing but the end can follow: a progressive picture refines its components in further scans.
    fn is_complete(&self) -> bool {
        self.has_all() && self.header.is_some_and(|header| header.coding != Coding::Progressive)
    }

    fn ended(self) -> Result<Self, Damage> {
        if !self.has_all() {
            return Err(Damage::Incomplete);
        }
        let offset = self.cursor.at();
        if offset == self.bytes.len() { Ok(self) } else { Err(Damage::AfterEnd { offset }) }
    }

    /// Takes in a segment; nothing if it is not well formed.
    fn segment(&mut self, marker: u8, offset: usize, payload: &[u8]) -> Option<()> {
        match marker {
            marker::DQT => self.quantisation |= quantisation_tables(payload)?,
            marker::DHT => {
                self.first_tables.get_or_insert(offset);
                self.huffman |= huffman_tables(payload)?;
            }
            marker::DRI => self.restart_interval = u16::from_be_bytes(payload.try_into().ok()?),
            marker::SOS => {
                self.first_tables.get_or_insert(offset);
                self.scan(payload)?;
            }
            marker::SOF0..=marker::SOF15 => {
                let coding = match marker {
                    marker::SOF0 => Coding::Baseline,
                    marker::SOF1 => Coding::Extended,
                    marker::SOF2 => Coding::Progressive,
                    _ => Coding::Other,
                };
                self.header = Some(Header::read(coding, payload)?);
            }
            _ => {}
        }
        Some(())
    }

    /// Takes in a scan header (B.2.3) and checks that what it refers to has come.
    fn scan(&mut self, payload: &[u8]) -> Option<()> {
        let header = self.header?;
        let progressive = header.coding == Coding::Progressive;
        for (place, tables) in scan_components(&header, payload)? {
            let bit = 1_u8 << place;
            let (dc, ac) = (tables >> 4, tables & 15);
            let quantisation = header.components().get(place)?.quantisation;
            if (self.scanned & bit != 0 && !progressive) || dc > 3 || ac > 3 {
                return None;
            }
            if self.quantisation & (1 << quantisation) == 0 {
                return None;
            }
            let (dc_came, ac_came) = (self.huffman & (1 << dc) != 0, self.huffman & (16 << ac) != 0);
            // A progressive scan uses only one of the two kinds, and its tables are never left out.
            if !progressive && header.coding != Coding::Other && !(dc_came && ac_came) {
                // The standard tables are for the slots 0 and 1 only.
                if dc > 1 || ac > 1 {
                    return None;
                }
                self.tables_missing = true;
            }
            self.scanned |= bit;
        }
        Some(())
    }

    /// Skips a scan's entropy-coded data and counts its restart markers.
    fn entropy(&mut self, scan: &[u8]) -> Result<(), Damage> {
        let parts = self.header.and_then(|header| parts(&header, scan, self.restart_interval));
        let mut restarts = 0_u32;
        loop {
            self.cursor.skip_entropy()?;
            let (offset, before) = (self.cursor.at(), self.cursor.clone());
            let found = self.cursor.marker()?;
            if !(marker::RST0..=marker::RST7).contains(&found) {
                self.cursor = before;
                // Some encoders put one more behind the last part.
                let fits = parts.is_none_or(|parts| restarts + 1 == parts || restarts == parts);
                return if fits { Ok(()) } else { Err(Damage::Restart { offset }) };
            }
            if self.restart_interval == 0 {
                return Err(Damage::Misplaced { marker: found, offset });
            }
            if u32::from(found - marker::RST0) != restarts % 8 {
                return Err(Damage::Restart { offset });
            }
            restarts += 1;
        }
    }
}

/// The components of a scan; nothing if the scan header is not well formed.
pub(super) fn scan_components(header: &Header, payload: &[u8]) -> Option<impl Iterator<Item = Scanned>> {
    let (&count, rest) = payload.split_first()?;
    let (selectors, [_, _, _]) = rest.split_last_chunk()?;
    if count == 0 || count > 4 || selectors.len() != 2 * usize::from(count) {
        return None;
    }
    let mut found = [(0, 0); 4];
    for (found, selector) in found.iter_mut().zip(selectors.chunks(2)) {
        let &[id, tables] = selector else { return None };
        let place = header.components().iter().position(|component| component.id == id)?;
        *found = (place, tables);
    }
    Some(found.into_iter().take(usize::from(count)))
}

/// Into how many parts restart markers cut a scan; nothing without an interval.
fn parts(header: &Header, scan: &[u8], interval: u16) -> Option<u32> {
    let interval = u32::from(interval);
    let mut components = scan_components(header, scan)?;
    let (place, _) = components.next()?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    let (across, down) = header.unit_blocks();
    let (across, down) = (u32::from(across), u32::from(down));
    let units = if components.next().is_some() {
        width.div_ceil(8 * across) * height.div_ceil(8 * down)
    } else {
        // A scan of one component counts that component's blocks (A.2.3).
        let component = header.components().get(place)?;
        let alone = header.components().len() == 1;
        let (h, v) = if alone { (1, 1) } else { (u32::from(component.across), u32::from(component.down)) };
        (width * h).div_ceil(across).div_ceil(8) * (height * v).div_ceil(down).div_ceil(8)
    };
    (interval != 0).then(|| units.div_ceil(interval))
}

/// A bit for each table that a DQT segment defines (B.2.4.1).
fn quantisation_tables(mut payload: &[u8]) -> Option<u8> {
    let mut defined = 0;
    while let Some((&class, rest)) = payload.split_first() {
        let (precision, slot) = (class >> 4, class & 15);
        if precision > 1 || slot > 3 {
            return None;
        }
        payload = rest.get(64 << precision..)?;
        defined |= 1 << slot;
    }
    Some(defined)
}

/// A bit for each table that a DHT segment defines (B.2.4.2), DC in the lower four, AC in the upper.
fn huffman_tables(mut payload: &[u8]) -> Option<u8> {
    let mut defined = 0;
    while !payload.is_empty() {
        let (class, slot, _) = next_table(&mut payload)?;
        defined |= match class {
            Class::Dc => 1 << slot,
            Class::Ac => 16 << slot,
        };
    }
    Some(defined)
}

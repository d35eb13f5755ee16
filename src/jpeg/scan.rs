//! A baseline picture in one scan, laid open down to its blocks: what every camera sends.

use super::header::{Coding, Header};
use super::huffman::{Class, Table, next_table};
use super::segments::{Cursor, marker};
use super::walk::scan_components;
use super::{Damage, Image, STANDARD_TABLES};

/// Why a whole picture is not laid open: it is not of the kind that cameras send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusual {
    /// Progressive, lossless, hierarchical or arithmetic coding.
    #[error("it is not coded sequentially with Huffman tables")]
    Coding,
    /// Samples of 12 bits.
    #[error("its samples have more than 8 bits")]
    Precision,
    /// Several scans, one for each component or so.
    #[error("it comes in several scans")]
    Scans,
    /// Colours other than grey or YCbCr.
    #[error("its colours are not those that cameras send")]
    Colours,
    /// A Huffman table without the code for the end of a block.
    #[error("its Huffman tables have no code for the end of a block")]
    Tables,
}

/// Why a picture's blocks cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// It is whole, but of a kind that is not read here.
    #[error("the picture is of a kind that cameras do not send: {0}")]
    Unusual(#[from] Unusual),
}

/// One component in the scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// Blocks across and down one coding unit.
    pub(super) across: u32,
    pub(super) down: u32,
    /// Its tables' slots.
    pub(super) dc: u8,
    pub(super) ac: u8,
    pub(super) quantisation: u8,
    /// The name by which the scan refers to it.
    pub(super) id: u8,
}

/// A picture laid open.
pub(super) struct Scan<'a> {
    pub(super) header: Header,
    pub(super) channels: Vec<Channel>,
    /// The payloads of the DQT segments, in order.
    pub(super) quantisation: Vec<&'a [u8]>,
    /// The Huffman tables in force, DC and AC by slot.
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// Whether a JFIF segment says that the colours are YCbCr.
    pub(super) jfif: bool,
    /// The Adobe segment, which says what the colours are otherwise.
    pub(super) adobe: Option<&'a [u8]>,
    pub(super) restart_interval: u16,
    /// From the first entropy-coded byte to the end marker.
    pub(super) data: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn open(image: &Image<'a>) -> Result<Self, Unusual> {
        let header = *image.header();
        match header.coding {
            Coding::Baseline | Coding::Extended => {}
            Coding::Progressive | Coding::Other => return Err(Unusual::Coding),
        }
        if header.precision != 8 {
            return Err(Unusual::Precision);
        }
        let mut scan = Self {
            header,
            channels: Vec::new(),
            quantisation: Vec::new(),
            dc: [None; 4],
            ac: [None; 4],
            jfif: false,
            adobe: None,
            restart_interval: 0,
            data: &[],
        };
        if image.lacks_tables() {
            scan.take_tables(STANDARD_TABLES.get(4..).unwrap_or_default());
        }
        scan.take_segments(image.bytes()).ok_or(Unusual::Scans)?;
        Ok(scan)
    }

    /// Takes in the segments up to the first scan; nothing if that does not hold all components.
    ///
    /// The walk has been here before, so nothing is malformed.
    fn take_segments(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut cursor = Cursor::new(bytes, 2);
        loop {
            let found = cursor.marker().ok()?;
            let payload = cursor.payload(found).ok()?;
            match found {
                marker::DQT => self.quantisation.push(payload),
                marker::DHT => self.take_tables(payload),
                marker::DRI => self.restart_interval = u16::from_be_bytes(payload.try_into().ok()?),
                marker::APP0 => self.jfif |= payload.starts_with(b"JFIF\0"),
                // The segment's twelve bytes; what stands behind them has no meaning and is not carried along.
                marker::APP14 if payload.starts_with(b"Adobe") => self.adobe = payload.get(..12),
                marker::SOS => {
                    self.data = bytes.get(cursor.at()..)?;
                    return self.take_channels(payload);
                }
                _ => {}
            }
        }
    }

    fn take_tables(&mut self, mut payload: &[u8]) {
        while let Some((class, slot, table)) = next_table(&mut payload) {
            let place = match class {
                Class::Dc => self.dc.get_mut(usize::from(slot)),
                Class::Ac => self.ac.get_mut(usize::from(slot)),
            };
            place.map(|place| place.insert(table));
        }
    }

    fn take_channels(&mut self, payload: &[u8]) -> Option<()> {
        let components = self.header.components();
        let alone = components.len() == 1;
        for (component, tables) in scan_components(&self.header, payload)? {
            let component = components.get(component)?;
            // A component that is alone is coded block by block, whatever its factors (A.2.2).
            let (across, down) = if alone { (1, 1) } else { (component.across, component.down) };
            self.channels.push(Channel {
                across: u32::from(across),
                down: u32::from(down),
                dc: tables >> 4,
                ac: tables & 15,
                quantisation: component.quantisation,
                id: component.id,
            });
        }
        (self.channels.len() == components.len()).then_some(())
    }

    /// Pixels across and down one coding unit.
    pub(super) fn unit(&self) -> (u32, u32) {
        let (across, down) = self.header.unit_blocks();
        (8 * u32::from(across), 8 * u32::from(down))
    }

    /// Whether the components are luminance alone, or with blue and red difference.
    ///
    /// Three components are that unless an Adobe segment, or their names, say that they are red, green and blue.
    pub(super) fn is_grey_or_ycbcr(&self) -> bool {
        match self.header.components() {
            [_] => true,
            [first, second, third] => {
                let transformed = self.adobe.is_none_or(|adobe| adobe.get(11) == Some(&1));
                let rgb = !self.jfif && [first.id, second.id, third.id] == *b"RGB";
                let in_order =
                    self.channels.iter().map(|channel| channel.id).eq([first.id, second.id, third.id]);
                transformed && !rgb && in_order
            }
            _ => false,
        }
    }

    /// How many coding units there are across and down.
    pub(super) fn units(&self) -> (u32, u32) {
        let (across, down) = self.unit();
        (u32::from(self.header.width).div_ceil(across), u32::from(self.header.height).div_ceil(down))
    }

    /// The quantisation table of a slot, in zigzag order.
    pub(super) fn steps(&self, slot: u8) -> Option<[u16; 64]> {
        let mut found = None;
        for mut payload in self.quantisation.iter().copied() {
            while let Some((&name, rest)) = payload.split_first() {
                let bytes = rest.get(..64 << (name >> 4))?;
                payload = rest.get(64 << (name >> 4)..)?;
                if name & 15 == slot {
                    let mut steps = [0; 64];
                    for (step, bytes) in steps.iter_mut().zip(bytes.chunks(1 << (name >> 4))) {
                        *step = bytes.iter().fold(0, |step, &byte| step << 8 | u16::from(byte));
                    }
                    found = Some(steps);
                }
            }
        }
        found
    }

    /// The tables of a channel.
    pub(super) fn tables(&self, channel: &Channel) -> Option<(&Table, &Table)> {
        let dc = self.dc.get(usize::from(channel.dc))?.as_ref()?;
        let ac = self.ac.get(usize::from(channel.ac))?.as_ref()?;
        Some((dc, ac))
    }
}

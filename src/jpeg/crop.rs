//! Cutting without loss: whole coding units are moved, coefficients and quantisation stay what they are.

use super::bits::Writer;
use super::blocks::{category, copy_ac, dc_difference, skip_ac};
use super::huffman::{Class, Lookup, Table};
use super::scan::{Channel, Closed, Course, Scan, Unusual};
use super::segments::{append, marker};
use super::{Damage, EOI, Image, Rect, SOI, STANDARD_TABLES};

/// A part of a picture as a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cropped {
    /// The JPEG file.
    pub file: Vec<u8>,
    /// Which part of the picture it shows.
    pub area: Rect,
}

/// Cuts an area out of a picture and greys out `masks`, without decoding to pixels: what stays has the same
/// pixels as before. Application segments and comments are left behind.
///
/// The result has the size of `area`. Its left and upper edge are moved to the nearest edge of a coding unit
/// (8 or 16 pixels each way), and masks cover every unit that they touch. The whole picture is read, so damage
/// anywhere in it is found.
///
/// An area that reaches over the picture's edge is cut off there; an empty one gives the whole picture.
pub fn crop(image: &Image<'_>, area: Rect, masks: &[Rect]) -> Result<Cropped, Closed> {
    let scan = Scan::open(image)?;
    let area = on_units(&scan, area);
    let masks: Vec<Rect> = masks.iter().map(|mask| on_grid(&scan, *mask)).collect();
    let mut channels = outgoing(&scan, !masks.is_empty())?;
    let head = head(&scan, &channels, area);
    // What is cut is never longer than the picture but for the new head and a few longer differences.
    let mut file = Vec::with_capacity(image.bytes().len() + 1024);
    file.extend_from_slice(&head);
    let mut writer = Writer::new(file);
    let kept = on_grid(&scan, area);
    course(&scan, &mut channels, &Selection { kept, masks }, &mut writer)?;
    let mut file = writer.finish();
    file.extend_from_slice(&EOI);
    Ok(Cropped { file, area })
}

/// Reads a whole picture without decoding it to pixels: finds data that no encoder can have written.
pub fn verify(image: &Image<'_>) -> Result<(), Closed> {
    let scan = Scan::open(image)?;
    let mut channels = outgoing(&scan, false)?;
    let nothing = Selection { kept: Rect::whole(0, 0), masks: Vec::new() };
    course(&scan, &mut channels, &nothing, &mut Writer::new(Vec::new()))?;
    Ok(())
}

/// The units that are kept and those that are greyed out, counted in units.
struct Selection {
    kept: Rect,
    masks: Vec<Rect>,
}

/// What becomes of a unit.
#[derive(Clone, Copy)]
enum Fate {
    Dropped,
    Greyed,
    Kept,
}

impl Selection {
    fn fate(&self, column: u32, row: u32) -> Fate {
        let unit = Rect { left: column, top: row, width: 1, height: 1 };
        if !self.kept.contains(unit) {
            Fate::Dropped
        } else if self.masks.iter().any(|mask| mask.contains(unit)) {
            Fate::Greyed
        } else {
            Fate::Kept
        }
    }
}

/// A channel on its way through.
struct Outgoing {
    channel: Channel,
    blocks: u32,
    read_dc: Lookup,
    read_ac: Lookup,
    /// The DC table to be written, and its codes by category.
    dc: Table,
    ac: Table,
    dc_codes: [Option<(u16, u32)>; 12],
    end_of_block: Option<(u16, u32)>,
    /// The largest DC coefficient that 8-bit samples can have.
    most: i32,
    /// The DC coefficients of the last block read and of the last block written.
    read: i32,
    written: i32,
}

impl Outgoing {
    fn new(scan: &Scan<'_>, channel: Channel) -> Option<Self> {
        let (&dc, &ac) = scan.tables(&channel)?;
        let codes =
            |table: &Table| [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|category| table.code(category));
        let (read_dc, read_ac) = (Lookup::new(Class::Dc, &dc), Lookup::new(Class::Ac, &ac));
        // A table made for this very picture may lack the categories that differences have at the new edges.
        let complete = codes(&dc).iter().all(Option::is_some);
        let dc = if complete { dc } else { standard_dc(channel.dc)? };
        // Samples are -128 to 127, and a DC coefficient is 8 times their mean (A.3.3), rounded to a step.
        let [step, ..] = scan.steps(channel.quantisation)?;
        Some(Self {
            channel,
            blocks: channel.across * channel.down,
            read_dc,
            read_ac,
            dc,
            ac,
            dc_codes: codes(&dc),
            end_of_block: ac.code(0),
            most: 1024 / i32::from(step.max(1)) + 1,
            read: 0,
            written: 0,
        })
    }

    /// Reads one block and writes what becomes of it.
    #[inline]
    fn block(&mut self, course: &mut Course<'_>, fate: Fate, writer: &mut Writer) -> Option<()> {
        self.read += dc_difference(&mut course.reader, &self.read_dc)?;
        if self.read.abs() > self.most {
            return None;
        }
        match fate {
            Fate::Dropped => skip_ac(&mut course.reader, &self.read_ac),
            Fate::Greyed => {
                skip_ac(&mut course.reader, &self.read_ac)?;
                self.write_dc(0, writer)?;
                let (code, length) = self.end_of_block?;
                writer.put(code.into(), length);
                Some(())
            }
            Fate::Kept => {
                self.write_dc(self.read, writer)?;
                copy_ac(&mut course.reader, &self.read_ac, writer)
            }
        }
    }

    #[inline]
    fn write_dc(&mut self, dc: i32, writer: &mut Writer) -> Option<()> {
        let (category, bits, size) = category(dc - self.written);
        let (code, length) = (*self.dc_codes.get(category)?)?;
        writer.put(u64::from(code) << size | bits, length + size);
        self.written = dc;
        Some(())
    }
}

fn outgoing(scan: &Scan<'_>, greying: bool) -> Result<Vec<Outgoing>, Unusual> {
    let channels = scan.channels.iter().map(|&channel| Outgoing::new(scan, channel));
    let channels: Vec<Outgoing> = channels.collect::<Option<_>>().ok_or(Unusual::Tables)?;
    let grey = channels.iter().all(|channel| channel.end_of_block.is_some());
    if grey || !greying { Ok(channels) } else { Err(Unusual::Tables) }
}

/// Reads the whole scan and writes what is selected.
fn course(
    scan: &Scan<'_>,
    channels: &mut [Outgoing],
    selection: &Selection,
    writer: &mut Writer,
) -> Result<(), Damage> {
    let (columns, rows) = scan.units();
    let mut course = Course::new(scan);
    let corrupt = |unit| Damage::Corrupt { unit, units: columns * rows };
    for row in 0..rows {
        for column in 0..columns {
            let fate = selection.fate(column, row);
            unit(&mut course, channels, fate, writer).ok_or(corrupt(row * columns + column))?;
        }
        if course.reader.is_overrun() {
            return Err(corrupt((row + 1) * columns));
        }
    }
    if course.is_over() { Ok(()) } else { Err(corrupt(columns * rows)) }
}

#[inline]
fn unit(course: &mut Course<'_>, channels: &mut [Outgoing], fate: Fate, writer: &mut Writer) -> Option<()> {
    if course.step()? {
        for channel in &mut *channels {
            channel.read = 0;
        }
    }
    for channel in channels {
        for _ in 0..channel.blocks {
            channel.block(course, fate, writer)?;
        }
    }
    Some(())
}

/// The area moved to the nearest edges of units, and cut off at the picture's edge.
fn on_units(scan: &Scan<'_>, area: Rect) -> Rect {
    let picture = Rect::whole(scan.header.width.into(), scan.header.height.into());
    let area = area.common(picture);
    if area.is_empty() {
        return picture;
    }
    let (across, down) = scan.unit();
    let nearest = |edge: u32, unit: u32, length: u32, all: u32| {
        let before = edge - edge % unit;
        let is_nearer = edge - before > unit / 2 && before + unit + length <= all;
        if is_nearer { before + unit } else { before }
    };
    Rect {
        left: nearest(area.left, across, area.width, picture.width),
        top: nearest(area.top, down, area.height, picture.height),
        ..area
    }
}

/// The units that an area touches.
fn on_grid(scan: &Scan<'_>, area: Rect) -> Rect {
    let (across, down) = scan.unit();
    let (left, top) = (area.left / across, area.top / down);
    if area.is_empty() {
        return Rect::whole(0, 0);
    }
    Rect {
        left,
        top,
        width: area.right().div_ceil(across).saturating_sub(left),
        height: area.bottom().div_ceil(down).saturating_sub(top),
    }
}

/// The standard DC table of a slot; slots beyond the first stand for chrominance.
fn standard_dc(slot: u8) -> Option<Table> {
    let wanted = slot.min(1);
    let mut payload = STANDARD_TABLES.get(4..)?;
    while let Some((class, slot, table)) = super::huffman::next_table(&mut payload) {
        if class == Class::Dc && slot == wanted {
            return Some(table);
        }
    }
    None
}

/// Everything up to the entropy-coded data.
fn head(scan: &Scan<'_>, channels: &[Outgoing], area: Rect) -> Vec<u8> {
    let mut head = SOI.to_vec();
    if scan.jfif {
        // Version 1.02, square pixels, no thumbnail (JFIF 1.02).
        append(&mut head, marker::APP0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]]);
    }
    if let Some(adobe) = scan.adobe {
        append(&mut head, marker::APP14, &[adobe]);
    }
    for tables in &scan.quantisation {
        append(&mut head, marker::DQT, &[tables]);
    }
    // The area is a part of the picture, whose sides fit.
    let side = |length| u16::try_from(length).unwrap_or(u16::MAX);
    scan.header.write(&mut head, side(area.width), side(area.height));
    for (place, outgoing) in channels.iter().enumerate() {
        let (slots, earlier) = ((outgoing.channel.dc, outgoing.channel.ac), channels.iter().take(place));
        if earlier.clone().all(|earlier| earlier.channel.dc != slots.0) {
            append(&mut head, marker::DHT, &[&[slots.0], &outgoing.dc.counts, outgoing.dc.symbols()]);
        }
        if earlier.clone().all(|earlier| earlier.channel.ac != slots.1) {
            append(&mut head, marker::DHT, &[&[0x10 | slots.1], &outgoing.ac.counts, outgoing.ac.symbols()]);
        }
    }
    let count = u8::try_from(channels.len()).unwrap_or(u8::MAX);
    let tables =
        channels.iter().flat_map(|Outgoing { channel, .. }| [channel.id, channel.dc << 4 | channel.ac]);
    // All coefficients, at full precision.
    append(&mut head, marker::SOS, &[&[count], &tables.collect::<Vec<u8>>(), &[0, 63, 0]]);
    head
}

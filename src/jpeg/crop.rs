//! Cutting without loss: whole coding units are moved, coefficients and quantisation stay what they are.

use super::bits::{Reader, Writer};
use super::blocks::{category, copy_ac, skip_ac};
use super::course::{Fate, Selection, Track, Unit, Visitor, lead};
use super::huffman::{Class, Table, standard};
use super::plane;
use super::scan::{Channel, Closed, Scan, Unusual};
use super::segments::{append, marker};
use super::{EOI, Image, Rect, SOI};

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
    let outgoing = scan.channels.iter().map(|&channel| Outgoing::new(&scan, channel));
    let channels: Vec<Outgoing> = outgoing.collect::<Option<_>>().ok_or(Unusual::Tables)?;
    if !masks.is_empty() && channels.iter().any(|channel| channel.end_of_block.is_none()) {
        return Err(Unusual::Tables.into());
    }
    // What is cut is hardly ever longer than the picture: by a few differences at the new edges.
    let mut file = Vec::with_capacity(image.bytes().len() + 1024);
    head(&scan, &channels, area, &mut file);
    let mut cutter = Cutter { channels, writer: Writer::new(file) };
    lead(&scan, &Selection::new(&scan, area, masks), &mut cutter)?;
    let mut file = cutter.writer.finish();
    file.extend_from_slice(&EOI);
    Ok(Cropped { file, area })
}

/// Reads a whole picture without decoding it to pixels: finds data that no encoder can have written.
pub fn verify(image: &Image<'_>) -> Result<(), Closed> {
    let scan = Scan::open(image)?;
    let tracks = scan.channels.iter().map(|&channel| Track::new(&scan, channel));
    let mut tracks: Vec<Track> = tracks.collect::<Option<_>>().ok_or(Unusual::Tables)?;
    lead(&scan, &Selection::new(&scan, Rect::whole(0, 0), &[]), &mut tracks)?;
    Ok(())
}

impl Visitor for Vec<Track> {
    fn restart(&mut self) {
        for track in self {
            track.restart();
        }
    }

    #[inline]
    fn unit(&mut self, reader: &mut Reader<'_>, _: Unit) -> Option<()> {
        for track in self {
            for _ in 0..track.channel.across * track.channel.down {
                track.dc(reader)?;
                skip_ac(reader, &track.ac)?;
            }
        }
        Some(())
    }
}

/// A component that is written again.
struct Outgoing {
    track: Track,
    dc: Table,
    ac: Table,
    /// The codes of the DC differences by category.
    dc_codes: [Option<(u16, u32)>; 12],
    end_of_block: Option<(u16, u32)>,
    /// The DC coefficient of the last block written.
    last: i32,
}

impl Outgoing {
    fn new(scan: &Scan<'_>, channel: Channel) -> Option<Self> {
        let (&dc, &ac) = scan.tables(&channel)?;
        let codes =
            |table: &Table| [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|category| table.code(category));
        // A table made for this very picture may lack the categories that differences have at the new edges.
        let dc =
            if codes(&dc).iter().all(Option::is_some) { dc } else { standard(Class::Dc, channel.dc.min(1))? };
        let track = Track::new(scan, channel)?;
        Some(Self { track, dc, ac, dc_codes: codes(&dc), end_of_block: ac.code(0), last: 0 })
    }

    /// Reads one block and writes what becomes of it.
    #[inline]
    fn block(&mut self, reader: &mut Reader<'_>, fate: Fate, writer: &mut Writer) -> Option<()> {
        let dc = self.track.dc(reader)?;
        match fate {
            Fate::Dropped => skip_ac(reader, &self.track.ac),
            Fate::Greyed => {
                skip_ac(reader, &self.track.ac)?;
                self.write_dc(0, writer)?;
                let (code, length) = self.end_of_block?;
                writer.put(code.into(), length);
                Some(())
            }
            Fate::Kept => {
                self.write_dc(dc, writer)?;
                copy_ac(reader, &self.track.ac, writer)
            }
        }
    }

    #[inline]
    fn write_dc(&mut self, dc: i32, writer: &mut Writer) -> Option<()> {
        let (size, bits) = category(dc - self.last);
        let (code, length) = (*self.dc_codes.get(plane::length(size))?)?;
        writer.put(u64::from(code) << size | bits, length + size);
        self.last = dc;
        Some(())
    }
}

/// Writes the units that are kept. Restart markers are not written: a file is not a lossy line.
struct Cutter {
    channels: Vec<Outgoing>,
    writer: Writer,
}

impl Visitor for Cutter {
    fn restart(&mut self) {
        for outgoing in &mut self.channels {
            outgoing.track.restart();
        }
    }

    #[inline]
    fn unit(&mut self, reader: &mut Reader<'_>, unit: Unit) -> Option<()> {
        for outgoing in &mut self.channels {
            for _ in 0..outgoing.track.channel.across * outgoing.track.channel.down {
                outgoing.block(reader, unit.fate, &mut self.writer)?;
            }
        }
        Some(())
    }
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

/// Everything up to the entropy-coded data.
fn head(scan: &Scan<'_>, channels: &[Outgoing], area: Rect, head: &mut Vec<u8>) {
    head.extend_from_slice(&SOI);
    if scan.jfif {
        // Version 1.02, square pixels, no thumbnail (JFIF 1.02).
        append(head, marker::APP0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]]);
    }
    if let Some(adobe) = scan.adobe {
        append(head, marker::APP14, &[adobe]);
    }
    for tables in &scan.quantisation {
        append(head, marker::DQT, &[tables]);
    }
    // The area is a part of the picture, whose sides fit.
    let side = |length| u16::try_from(length).unwrap_or(u16::MAX);
    scan.header.write(head, side(area.width), side(area.height));
    for (place, outgoing) in channels.iter().enumerate() {
        let (slots, earlier) =
            ((outgoing.track.channel.dc, outgoing.track.channel.ac), channels.iter().take(place));
        if earlier.clone().all(|earlier| earlier.track.channel.dc != slots.0) {
            append(head, marker::DHT, &[&[slots.0], &outgoing.dc.counts, outgoing.dc.symbols()]);
        }
        if earlier.clone().all(|earlier| earlier.track.channel.ac != slots.1) {
            append(head, marker::DHT, &[&[0x10 | slots.1], &outgoing.ac.counts, outgoing.ac.symbols()]);
        }
    }
    let count = u8::try_from(channels.len()).unwrap_or(u8::MAX);
    let tables = scan.channels.iter().flat_map(|channel| [channel.id, channel.dc << 4 | channel.ac]);
    // All coefficients, at full precision.
    append(head, marker::SOS, &[&[count], &tables.collect::<Vec<u8>>(), &[0, 63, 0]]);
}

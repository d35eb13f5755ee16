//! A part of a picture as planes of samples, in full size or reduced.

use super::bits::Reader;
use super::blocks::{read_ac, skip_ac};
use super::course::{Fate, Selection, Track, Unit, Visitor, lead};
use super::idct::{self, Block, LEFT_OUT, Scale};
use super::plane::length;
use super::scan::{Channel, Closed, Scan, Unusual};
use super::{Image, Plane, Rect};

/// A decoded part of a picture, in the colours of JPEG: full-range YCbCr, or grey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Which part of the picture the planes show. It holds at least the part asked for, and may reach a few
    /// pixels over the picture's right and lower edge, where nothing means anything.
    pub area: Rect,
    /// Luminance alone, or luminance, blue and red difference; each plane shows the whole area.
    pub planes: Vec<Plane>,
}

/// Decodes the part of a picture that `area` touches. Units that `masks` touch come out middle grey.
///
/// The whole picture is read, so damage anywhere in it is found. Chrominance keeps the resolution it has.
pub fn decode(image: &Image<'_>, area: Rect, masks: &[Rect], scale: Scale) -> Result<Decoded, Closed> {
    let scan = Scan::open(image)?;
    if !scan.is_grey_or_ycbcr() {
        return Err(Unusual::Colours.into());
    }
    let selection = Selection::new(&scan, area, masks);
    let incoming = scan.channels.iter().map(|&channel| Incoming::new(&scan, channel, selection.kept, scale));
    let channels = incoming.collect::<Option<_>>().ok_or(Unusual::Tables)?;
    let mut decoder = Decoder { kept: selection.kept, scale, channels };
    lead(&scan, &selection, &mut decoder)?;
    let ((across, down), kept) = (scan.unit(), selection.kept);
    let area = Rect {
        left: kept.left * across,
        top: kept.top * down,
        width: kept.width * across,
        height: kept.height * down,
    };
    Ok(Decoded { area, planes: decoder.channels.into_iter().map(|channel| channel.plane).collect() })
}

/// What a coefficient, by its place in the zigzag, is multiplied with and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) step: f32,
    pub(super) place: u8,
}

/// The slot of what no block has, or the scale has no use for.
pub(super) const LEFT_OUT_SLOT: Slot = Slot { step: 0.0, place: LEFT_OUT };

/// A component that becomes a plane.
struct Incoming {
    track: Track,
    /// By the place behind the coefficient; those of no coefficient are left out.
    slots: [Slot; 256],
    /// The block at hand: only what the scale uses is cleared for each.
    block: Block,
    plane: Plane,
}

impl Incoming {
    fn new(scan: &Scan<'_>, channel: Channel, kept: Rect, scale: Scale) -> Option<Self> {
        let steps = scan.steps(channel.quantisation)?;
        let mut slots = [LEFT_OUT_SLOT; 256];
        for ((slot, step), (row, column)) in slots.iter_mut().skip(1).zip(steps).zip(zigzag()) {
            let size = u8::try_from(scale.block()).ok()?;
            let place = if row < size && column < size { column * size + row } else { LEFT_OUT };
            *slot = Slot { step: f32::from(step) * scale.strength(row, column), place };
        }
        let (across, down) = (channel.across * scale.block(), channel.down * scale.block());
        let plane = Plane::even(kept.width * across, kept.height * down, 128);
        Some(Self { track: Track::new(scan, channel)?, slots, block: [0.0; 80], plane })
    }

    /// Reads a block and puts its samples where `column` and `row` say, counted in blocks.
    #[inline]
    fn block(&mut self, reader: &mut Reader<'_>, column: u32, row: u32, scale: Scale) -> Option<()> {
        let block = &mut self.block;
        match scale {
            Scale::Full => clear::<64>(block),
            Scale::Half => clear::<16>(block),
            Scale::Quarter | Scale::Eighth => clear::<4>(block),
        }
        let [_, first, ..] = &self.slots;
        let dc = i16::try_from(self.track.dc(reader)?).ok()?;
        let [mean, ..] = block;
        *mean = f32::from(dc) * first.step + scale.middle();
        if scale == Scale::Eighth {
            skip_ac(reader, &self.track.ac)?;
            put(&mut self.plane, column, row, idct::eighth(block));
            return Some(());
        }
        read_ac(reader, &self.track.ac, &self.slots, block)?;
        match scale {
            Scale::Full => put(&mut self.plane, column, row, idct::full(block)),
            Scale::Half => put(&mut self.plane, column, row, idct::half(block)),
            Scale::Quarter => put(&mut self.plane, column, row, idct::quarter(block)),
            Scale::Eighth => put(&mut self.plane, column, row, idct::eighth(block)),
        }
        Some(())
    }
}

/// The place of each coefficient in the zigzag (T.81, figure A.6): row and column.
pub(super) fn zigzag() -> impl Iterator<Item = (u8, u8)> {
    (0..15_u8).flat_map(|diagonal| {
        let (from, to) = (diagonal.saturating_sub(7), diagonal.min(7));
        (from..=to).map(move |step| {
            // Odd diagonals run down, even ones up.
            let row = if diagonal % 2 == 1 { step } else { from + to - step };
            (row, diagonal - row)
        })
    })
}

#[inline]
fn clear<const N: usize>(block: &mut Block) {
    if let Some(used) = block.first_chunk_mut() {
        *used = [0.0; N];
    }
}

#[inline]
fn put<const N: usize>(plane: &mut Plane, column: u32, row: u32, samples: [[u8; N]; N]) {
    let width = length(plane.width);
    let mut start = length(row) * N * width + length(column) * N;
    for samples in samples {
        if let Some(place) = plane.samples.get_mut(start..start + N) {
            place.copy_from_slice(&samples);
        }
        start += width;
    }
}

struct Decoder {
    kept: Rect,
    scale: Scale,
    channels: Vec<Incoming>,
}

impl Visitor for Decoder {
    fn restart(&mut self) {
        for incoming in &mut self.channels {
            incoming.track.restart();
        }
    }

    #[inline]
    fn unit(&mut self, reader: &mut Reader<'_>, unit: Unit) -> Option<()> {
        for incoming in &mut self.channels {
            let Channel { across, down, .. } = incoming.track.channel;
            if unit.fate != Fate::Kept {
                for _ in 0..across * down {
                    incoming.track.dc(reader)?;
                    skip_ac(reader, &incoming.track.ac)?;
                }
                continue;
            }
            let (left, top) = ((unit.column - self.kept.left) * across, (unit.row - self.kept.top) * down);
            for row in top..top + down {
                for column in left..left + across {
                    incoming.block(reader, column, row, self.scale)?;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zigzag_by_the_standards_figure() {
        let order: Vec<(u8, u8)> = zigzag().collect();
        assert_eq!(order.len(), 64);
        assert_eq!(order[..6], [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]);
        let longest = [(0, 7), (1, 6), (2, 5), (3, 4), (4, 3), (5, 2), (6, 1), (7, 0)];
        assert_eq!(order[28..36], longest);
        assert_eq!(order[61..], [(6, 7), (7, 6), (7, 7)]);
    }
}

//! Whether the scene stands still: the shopper's hand has gone. Pure, and on reduced pictures.

use std::time::Duration;

use super::{Frame, PixelFormat};
use crate::jpeg::{self, Image, Rect, Scale};
use crate::stamp::Stamp;

/// A picture reduced to the mean brightness of blocks of eight by eight pixels: noise and the camera's own
/// compression do not show in it, a finger does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Small {
    width: usize,
    luma: Vec<u8>,
}

const BLOCK: usize = 8;

/// What is shown of a frame: nothing else has to stand still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The part of the picture.
    pub area: Rect,
    /// What is painted over in it.
    pub masks: Vec<Rect>,
}

/// How far a block's brightness, of 255 steps, may differ between two frames and still count as the same.
/// Noise of four steps a pixel averages out to half a step in a block; compression at usual qualities moves
/// a block's mean by two or three.
const SAME: i32 = 10;

impl Small {
    /// The reduced picture of a frame, or of what is seen of it; none if it cannot be decoded or nothing is seen.
    pub(super) fn of(frame: &Frame, seen: Option<&Seen>) -> Option<Self> {
        let (width, height) = (usize::try_from(frame.width).ok()?, usize::try_from(frame.height).ok()?);
        let whole = match frame.format {
            PixelFormat::Jpeg => Self::of_jpeg(frame),
            PixelFormat::Yuyv => Self::reduce(&frame.bytes, (width, height), 2),
            // The plane of brightness comes first.
            PixelFormat::Nv12 | PixelFormat::Grey => Self::reduce(&frame.bytes, (width, height), 1),
        }?;
        match seen {
            Some(seen) => whole.part(seen),
            None => Some(whole),
        }
    }

    /// A JPEG holds each block's mean as a coefficient of its own, so nothing has to be transformed; the rest of the
    /// data is passed over.
    fn of_jpeg(frame: &Frame) -> Option<Self> {
        let image = Image::read(&frame.bytes).ok()?;
        let (width, height) = (u32::from(image.header().width), u32::from(image.header().height));
        let (most_across, most_down) = frame.largest();
        if width > most_across || height > most_down {
            return None;
        }
        let decoded = jpeg::decode(&image, Rect::whole(width, height), &[], Scale::Eighth).ok()?;
        let plane = decoded.planes.into_iter().next()?;
        let width = usize::try_from(plane.width).ok()?;
        (!plane.samples.is_empty()).then_some(Self { width, luma: plane.samples })
    }

    /// The blocks that are seen, but for those that a mask touches; none if there are none.
    fn part(&self, seen: &Seen) -> Option<Self> {
        let (left, right, top, bottom) = self.blocks(seen.area)?;
        let masks: Vec<_> = seen.masks.iter().filter_map(|&mask| self.blocks(mask)).collect();
        let is_masked = |column: usize, row: usize| {
            masks.iter().any(|&(left, right, top, bottom)| {
                (left..right).contains(&column) && (top..bottom).contains(&row)
            })
        };
        let mut luma = Vec::with_capacity((right - left) * (bottom - top));
        for (row, line) in (top..bottom).zip(self.luma.chunks(self.width.max(1)).skip(top)) {
            let seen = (left..right).zip(line.iter().skip(left));
            luma.extend(seen.filter(|(column, _)| !is_masked(*column, row)).map(|(_, luma)| *luma));
        }
        (!luma.is_empty()).then_some(Self { width: right - left, luma })
    }

    /// The columns and rows of blocks that a rectangle touches: left, right, top, bottom; none if it touches none.
    fn blocks(&self, area: Rect) -> Option<(usize, usize, usize, usize)> {
        let block = |pixel: u32| usize::try_from(pixel).map(|pixel| pixel / BLOCK).ok();
        let (left, top) = (block(area.left)?, block(area.top)?);
        // Raw pictures are reduced to whole blocks: a part of one at the edge is left out.
        let right = (block(area.right().checked_sub(1)?)? + 1).min(self.width);
        let bottom = (block(area.bottom().checked_sub(1)?)? + 1).min(self.luma.len() / self.width.max(1));
        (left < right && top < bottom).then_some((left, right, top, bottom))
    }

    /// The mean brightness of all blocks.
    pub(super) fn mean(&self) -> u8 {
        let sum: usize = self.luma.iter().map(|&luma| usize::from(luma)).sum();
        u8::try_from(sum / self.luma.len().max(1)).unwrap_or(u8::MAX)
    }

    /// Every fourth pixel of each block's even rows stands for it: enough for a mean, and quick.
    fn reduce(pixels: &[u8], (width, height): (usize, usize), bytes_a_pixel: usize) -> Option<Self> {
        let row_bytes = width * bytes_a_pixel;
        if width < BLOCK || height < BLOCK || pixels.len() < row_bytes * height {
            return None;
        }
        let across = width / BLOCK;
        let mut luma = Vec::with_capacity(across * (height / BLOCK));
        for rows in pixels.chunks_exact(row_bytes * BLOCK).take(height / BLOCK) {
            let mut sums = vec![0_u32; across];
            for row in rows.chunks_exact(row_bytes).step_by(2) {
                for (sum, block) in sums.iter_mut().zip(row.chunks_exact(BLOCK * bytes_a_pixel)) {
                    *sum +=
                        block.iter().step_by(4 * bytes_a_pixel).map(|&pixel| u32::from(pixel)).sum::<u32>();
                }
            }
            // Four rows of two pixels.
            luma.extend(sums.into_iter().map(|sum| u8::try_from(sum / 8).unwrap_or(u8::MAX)));
        }
        Some(Self { width: across, luma })
    }

    /// How many of a thousand blocks changed. A change of the whole picture's brightness does not count:
    /// lamps flicker and exposure drifts.
    fn changed(&self, other: &Self) -> u32 {
        let blocks = self.luma.len();
        if blocks == 0 || blocks != other.luma.len() || self.width != other.width {
            return 1_000;
        }
        let differences =
            || self.luma.iter().zip(&other.luma).map(|(one, two)| i32::from(*one) - i32::from(*two));
        let count = i32::try_from(blocks).unwrap_or(i32::MAX);
        let shift = differences().sum::<i32>() / count;
        let changed = differences().filter(|difference| (difference - shift).abs() > SAME).count();
        u32::try_from(changed * 1_000 / blocks).unwrap_or(1_000)
    }
}

/// The scene since the weight settled, frame by frame.
#[derive(Debug, Default)]
pub(super) struct Scene {
    last: Option<(Small, Stamp)>,
    /// The first frame that all later ones are like.
    still_since: Option<Stamp>,
}

impl Scene {
    /// Takes the next frame; answers for how long the scene has stood still.
    pub(super) fn watch(&mut self, small: Small, taken: Stamp, most_changed: u32) -> Duration {
        let is_same = self.last.as_ref().is_some_and(|(last, _)| small.changed(last) <= most_changed);
        let before = self.last.replace((small, taken)).map(|(_, taken)| taken);
        self.still_since = if is_same { self.still_since.or(before) } else { None };
        self.still_since.map_or(Duration::ZERO, |since| taken.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey frame of 320 by 160 pixels, 800 blocks, with a lighter rectangle of blocks.
    fn scene(brightness: u8, hand: usize) -> Frame {
        let mut bytes = vec![brightness; 320 * 160];
        for block in 0..hand {
            let (x, y) = (block % 40 * 8, block / 40 * 8);
            for row in y..y + 8 {
                bytes[row * 320 + x..row * 320 + x + 8].fill(brightness + 60);
            }
        }
        let (width, height, taken) = (320, 160, Stamp::from_millis(0));
        Frame {
            sequence: 1,
            taken,
            format: PixelFormat::Grey,
            width,
            height,
            full_range: true,
            bytes,
            warming_up: false,
        }
    }

    fn small(brightness: u8, hand: usize) -> Small {
        Small::of(&scene(brightness, hand), None).unwrap()
    }

    #[test]
    fn a_hand_shows_and_a_flickering_lamp_does_not() {
        assert_eq!(small(100, 0).changed(&small(100, 0)), 0);
        assert_eq!(small(100, 8).changed(&small(100, 0)), 10);
        assert_eq!(small(130, 0).changed(&small(100, 0)), 0);
        assert_eq!(small(100, 0).changed(&Small { width: 1, luma: vec![0] }), 1_000);
    }

    #[test]
    fn all_formats_reduce_to_the_same_picture() {
        let grey = scene(100, 8);
        let yuyv: Vec<u8> = grey.bytes.iter().flat_map(|luma| [*luma, 128]).collect();
        let mut file = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut file, 95);
        encoder.encode(&grey.bytes, 320, 160, jpeg_encoder::ColorType::Luma).unwrap();
        let expected = Small::of(&grey, None).unwrap();
        let yuyv = Frame { format: PixelFormat::Yuyv, bytes: yuyv, ..scene(0, 0) };
        assert_eq!(Small::of(&yuyv, None).unwrap(), expected);
        let jpeg = Frame { format: PixelFormat::Jpeg, bytes: file, ..scene(0, 0) };
        assert_eq!(Small::of(&jpeg, None).unwrap().changed(&expected), 0);
        let broken = |format| Small::of(&Frame { format, bytes: vec![0; 100], ..scene(0, 0) }, None);
        assert_eq!((broken(PixelFormat::Grey), broken(PixelFormat::Jpeg)), (None, None));
        assert_eq!(expected.mean(), 100);
    }

    #[test]
    fn what_is_not_seen_does_not_count() {
        let part = |hand, seen: &Seen| Small::of(&scene(100, hand), Some(seen)).unwrap();
        let rect = |left, top, width, height| Rect { left, top, width, height };
        let open = |area| Seen { area, masks: Vec::new() };
        // The first forty blocks are the uppermost row.
        let below = open(rect(8, 8, 304, 100));
        assert_eq!(part(40, &below).changed(&part(0, &below)), 0);
        let all = open(rect(0, 0, 320, 160));
        assert!(part(41, &all).changed(&part(0, &all)) > 10);
        let touching = open(rect(8, 7, 304, 17));
        assert_eq!((part(0, &touching).width, part(0, &touching).luma.len()), (38, 3 * 38));
        assert!(part(10, &touching).changed(&part(0, &touching)) > 10);
        for (left, top, is_seen) in [(319, 159, true), (320, 159, false), (319, 160, false)] {
            let small = Small::of(&scene(100, 0), Some(&open(rect(left, top, 100, 100))));
            assert_eq!(small.is_some(), is_seen);
        }
    }

    #[test]
    fn what_is_masked_does_not_count() {
        let part = |hand, masks: &[Rect]| {
            let area = Rect { left: 8, top: 0, width: 312, height: 160 };
            Small::of(&scene(100, hand), Some(&Seen { area, masks: masks.to_vec() })).unwrap()
        };
        // The hand is the uppermost row but for its last block; the mask touches all but the row's last two.
        let mask = Rect { left: 0, top: 7, width: 304, height: 1 };
        assert_eq!(part(38, &[mask]).changed(&part(0, &[mask])), 0);
        assert_eq!(part(38, &[mask]).luma.len(), 39 * 20 - 37);
        assert!(part(39, &[mask]).changed(&part(38, &[mask])) > 0);
        // One beside what is seen takes nothing away.
        let beside = Rect { left: 0, top: 0, width: 8, height: 160 };
        assert_eq!(part(0, &[beside]), part(0, &[]));
        let all = Rect { left: 0, top: 0, width: 320, height: 160 };
        let seen = Seen { area: all, masks: vec![all] };
        assert_eq!(Small::of(&scene(100, 0), Some(&seen)), None);
    }

    #[test]
    fn stillness_is_counted_from_the_first_of_the_frames_that_are_alike() {
        let mut scene = Scene::default();
        let mut watch = |at, hand| scene.watch(small(100, hand), Stamp::from_millis(at), 10).as_millis();
        assert_eq!(watch(0, 200), 0);
        assert_eq!(watch(33, 90), 0);
        // Nine blocks more or less are more than ten in a thousand, eight are not.
        assert_eq!(watch(66, 99), 0);
        assert_eq!(watch(100, 107), 34);
        assert_eq!(watch(133, 107), 67);
        assert_eq!(watch(166, 0), 0);
        assert_eq!(watch(200, 0), 34);
    }
}

//! Decoding to planes, whole and reduced, beside another decoder.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test code: a panic is a failure"
)]

mod pictures;

use jpeg_encoder::SamplingFactor;
use pictures::{Kind, camera_kinds, samples, without_tables};
use proptest::prelude::*;
use scalecam::jpeg::{Closed, Decoded, Image, Plane, Rect, Scale, Unusual, decode};

fn all(file: &[u8]) -> Rect {
    let image = Image::read(file).unwrap();
    Rect::whole(image.header().width.into(), image.header().height.into())
}

fn decoded(file: &[u8], area: Rect, scale: Scale) -> Decoded {
    decode(&Image::read(file).unwrap(), area, &[], scale).unwrap()
}

/// The luminance of a file by the other decoder.
fn luminance(file: &[u8]) -> (u32, Vec<u8>) {
    let (width, height, samples) = samples(file);
    let kinds = samples.len() / (width * height) as usize;
    (width, samples.into_iter().step_by(kinds).collect())
}

/// The furthest two decoders are apart in an area of the luminance. Integer and floating-point transforms round
/// differently, but neither always up.
fn furthest(plane: &Plane, origin: Rect, area: Rect, (width, expected): &(u32, Vec<u8>)) -> u8 {
    let places = || (area.top..area.bottom()).flat_map(|y| (area.left..area.right()).map(move |x| (x, y)));
    let found = |(x, y): (u32, u32)| plane.row(y - origin.top)[(x - origin.left) as usize];
    let expected = |(x, y): (u32, u32)| expected[(y * width + x) as usize];
    let sum: f64 = places().map(|place| f64::from(found(place)) - f64::from(expected(place))).sum();
    let mean = sum / f64::from(area.width * area.height);
    assert!(mean.abs() < 0.25 || area.width < 8, "{mean}");
    places().map(|place| found(place).abs_diff(expected(place))).max().unwrap()
}

#[test]
fn both_decoders_see_the_same() {
    for kind in camera_kinds() {
        for file in [kind.file(), without_tables(&kind.file())] {
            let decoded = decoded(&file, all(&file), Scale::Full);
            let expected = luminance(&kind.file());
            assert!(furthest(&decoded.planes[0], decoded.area, all(&file), &expected) <= 2, "{kind:?}");
            assert_eq!(decoded.planes.len(), if kind.factor.is_some() { 3 } else { 1 });
        }
    }
    let file = Kind::new(90, 61, Some(SamplingFactor::F_1_1)).file();
    let decoded = decoded(&file, all(&file), Scale::Full);
    let (width, _, expected) = samples(&file);
    for (place, plane) in decoded.planes.iter().enumerate() {
        let expected = expected.iter().skip(place).step_by(3).copied().collect();
        assert!(furthest(plane, decoded.area, all(&file), &(width, expected)) <= 2);
    }
}

#[test]
fn chrominance_keeps_its_resolution() {
    let sizes = |factor| {
        let file = Kind::new(90, 61, Some(factor)).file();
        decoded(&file, all(&file), Scale::Full)
            .planes
            .iter()
            .map(|plane| (plane.width, plane.height))
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(SamplingFactor::F_2_1), [(96, 64), (48, 64), (48, 64)]);
    assert_eq!(sizes(SamplingFactor::F_2_2), [(96, 64), (48, 32), (48, 32)]);
    assert_eq!(sizes(SamplingFactor::F_1_1), [(96, 64), (96, 64), (96, 64)]);
}

#[test]
fn a_part_is_decoded_as_in_the_whole() {
    for kind in camera_kinds() {
        let file = kind.file();
        let expected = luminance(&file);
        for area in
            [Rect { left: 33, top: 17, width: 20, height: 30 }, Rect { left: 0, top: 0, width: 1, height: 1 }]
        {
            let decoded = decoded(&file, area, Scale::Full);
            assert!(decoded.area.contains(area));
            assert!(decoded.area.width <= area.width + 32 && decoded.area.height <= area.height + 32);
            assert!(furthest(&decoded.planes[0], decoded.area, area, &expected) <= 2);
        }
    }
}

/// The mean of each square of `by` times `by` samples.
fn averaged(plane: &Plane, by: u32) -> Vec<f64> {
    let squares = (0..plane.height / by).flat_map(|y| (0..plane.width / by).map(move |x| (x, y)));
    let mean = |(x, y)| {
        let places = (y * by..(y + 1) * by).flat_map(|y| (x * by..(x + 1) * by).map(move |x| (x, y)));
        let sum: f64 = places.map(|(x, y)| f64::from(plane.row(y)[x as usize])).sum();
        sum / f64::from(by * by)
    };
    squares.map(mean).collect()
}

#[test]
fn reduced_pictures_are_the_picture_reduced() {
    let kinds = [SamplingFactor::F_2_1, SamplingFactor::F_2_2].map(|factor| Kind::new(96, 64, Some(factor)));
    for file in kinds.map(Kind::file) {
        let full = decoded(&file, all(&file), Scale::Full);
        for (scale, by) in [(Scale::Half, 2), (Scale::Quarter, 4), (Scale::Eighth, 8)] {
            let reduced = decoded(&file, all(&file), scale);
            assert_eq!(reduced.area, full.area);
            for (plane, full) in reduced.planes.iter().zip(&full.planes) {
                assert_eq!((plane.width * by, plane.height * by), (full.width, full.height));
                let expected = averaged(full, by);
                let apart: f64 =
                    plane.samples.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).sum();
                // The mean of a block is its first coefficient; the others differ in what they do at the edge
                // of what can be shown.
                let most = if scale == Scale::Eighth { 0.6 } else { 6.0 };
                assert!(
                    apart / expected.len() as f64 <= most,
                    "{scale:?}: {}",
                    apart / expected.len() as f64
                );
            }
        }
    }
}

#[test]
fn masked_units_are_never_decoded() {
    let file = Kind::new(96, 64, Some(SamplingFactor::F_2_1)).file();
    let mask = Rect { left: 40, top: 20, width: 10, height: 5 };
    for (scale, by) in [(Scale::Full, 1), (Scale::Half, 2), (Scale::Eighth, 8)] {
        let open = decoded(&file, all(&file), scale);
        let masked = decode(&Image::read(&file).unwrap(), all(&file), &[mask], scale).unwrap();
        // Units of 16 by 8 pixels: columns 32 to 64, rows 16 to 32.
        for (plane, open) in masked.planes.iter().zip(&open.planes) {
            let across = 96 / plane.width;
            for (x, y) in (0..plane.height).flat_map(|y| (0..plane.width).map(move |x| (x, y))) {
                let hidden = (32..64).contains(&(x * across)) && (16..32).contains(&(y * by));
                let expected = if hidden { 128 } else { open.row(y)[x as usize] };
                assert_eq!(plane.row(y)[x as usize], expected);
            }
        }
    }
}

#[test]
fn colours_that_cameras_do_not_send_are_told() {
    let mut rgb = Kind::new(32, 32, Some(SamplingFactor::F_1_1)).file();
    let jfif = pictures::segments(&rgb, 0xE0).remove(0);
    rgb.splice(jfif, [&[0xFF, 0xEE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, 0]].concat());
    let opened = decode(&Image::read(&rgb).unwrap(), all(&rgb), &[], Scale::Full);
    assert_eq!(opened.unwrap_err(), Closed::Unusual(Unusual::Colours));
}

proptest! {
    #[test]
    fn changed_bytes_never_end_in_a_panic(
        kind in prop::sample::select(camera_kinds()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        scale in prop::sample::select(vec![Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth]),
    ) {
        let mut file = kind.file();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(image) = Image::read(&file)
            && image.header().width < 2000 && image.header().height < 2000
        {
            let _ = decode(&image, Rect { left: 3, top: 5, width: 60, height: 50 }, &[], scale);
        }
    }
}

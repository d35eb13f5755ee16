//! Coding planes, beside another encoder and another decoder.

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
use pictures::{Kind, samples, segments, texture};
use proptest::prelude::*;
use scalecam::jpeg::{Image, Plane, Uncodable, encode, verify};

/// Planes of the texture, each chrominance sample being the first that it stands for.
fn planes(width: u32, height: u32, across: u32, down: u32) -> Vec<Plane> {
    let all = texture(width as u16, height as u16);
    let plane = |kind: usize, across: u32, down: u32| {
        let (wide, high) = (width.div_ceil(across), height.div_ceil(down));
        let places = (0..high).flat_map(|y| (0..wide).map(move |x| (x * across, y * down)));
        let samples = places.map(|(x, y)| all[(y * width + x) as usize * 3 + kind]).collect();
        Plane { width: wide, height: high, samples }
    };
    vec![plane(0, 1, 1), plane(1, across, down), plane(2, across, down)]
}

fn file(planes: &[Plane], quality: u8) -> Vec<u8> {
    let file = encode(&planes.iter().collect::<Vec<_>>(), quality).unwrap();
    verify(&Image::read(&file).unwrap()).unwrap();
    file
}

/// The furthest and the mean distance of two rows of samples.
fn apart(one: &[u8], other: &[u8]) -> (u8, f64) {
    assert_eq!(one.len(), other.len());
    let apart = || one.iter().zip(other).map(|(a, b)| a.abs_diff(*b));
    (apart().max().unwrap(), apart().map(f64::from).sum::<f64>() / one.len() as f64)
}

#[test]
fn at_full_quality_the_samples_come_back() {
    for (width, height) in [(96, 64), (90, 61), (1, 1), (8, 8), (17, 9)] {
        let colour = planes(width, height, 1, 1);
        let (found_width, found_height, found) = samples(&file(&colour, 100));
        assert_eq!((found_width, found_height), (width, height));
        let expected: Vec<u8> = (0..(width * height) as usize)
            .flat_map(|place| colour.iter().map(move |plane| plane.samples[place]))
            .collect();
        assert!(apart(&found, &expected).0 <= 2, "{width}x{height}: {:?}", apart(&found, &expected));
        let (_, _, grey) = samples(&file(&colour[..1], 100));
        assert!(apart(&grey, &colour[0].samples).0 <= 2);
    }
}

#[test]
fn it_is_as_good_and_as_small_as_what_another_encoder_makes() {
    for (factor, across, down) in [
        (SamplingFactor::F_1_1, 1, 1),
        (SamplingFactor::F_2_1, 2, 1),
        (SamplingFactor::F_2_2, 2, 2),
        (SamplingFactor::F_1_2, 1, 2),
    ] {
        for (width, height) in [(96, 64), (90, 61)] {
            for quality in [1, 30, 75, 90, 100] {
                let theirs = Kind { quality, ..Kind::new(width, height, Some(factor)) }.file();
                let ours = file(&planes(width.into(), height.into(), across, down), quality);
                let tables = |file: &[u8]| -> Vec<u8> {
                    segments(file, 0xDB).into_iter().flat_map(|segment| file[segment].to_vec()).collect()
                };
                assert_eq!(tables(&ours), tables(&theirs), "quality {quality}");
                let (_, _, found) = samples(&ours);
                let (_, _, expected) = samples(&theirs);
                assert!(
                    apart(&found, &expected).1 < 0.6,
                    "{factor:?} {quality}: {:?}",
                    apart(&found, &expected)
                );
                assert!(
                    ours.len() <= theirs.len() + theirs.len() / 50,
                    "{} for {}",
                    ours.len(),
                    theirs.len()
                );
            }
        }
    }
}

#[test]
fn black_white_and_what_is_between_come_back() {
    for value in [0, 1, 127, 128, 129, 254, 255] {
        for quality in [50, 90, 100] {
            let (_, _, found) = samples(&file(&[Plane::even(24, 24, value)], quality));
            assert!(
                found.iter().all(|sample| sample.abs_diff(value) <= 1),
                "{value} at {quality}: {}",
                found[0]
            );
        }
    }
    // The strongest contrast there is makes the largest coefficients.
    let checked = Plane {
        width: 64,
        height: 8,
        samples: [[0_u8, 255].repeat(32), [255, 0].repeat(32)].concat().repeat(4),
    };
    let (_, _, found) = samples(&file(std::slice::from_ref(&checked), 100));
    assert!(apart(&found, &checked.samples).0 <= 1);
}

#[test]
fn planes_that_make_no_picture_are_refused() {
    let plane = |width, height| Plane::even(width, height, 0);
    let encode = |planes: &[Plane]| encode(&planes.iter().collect::<Vec<_>>(), 90);
    assert_eq!(encode(&[]), Err(Uncodable::Planes));
    assert_eq!(encode(&[plane(8, 8), plane(8, 8)]), Err(Uncodable::Planes));
    assert_eq!(encode(&[plane(8, 8), plane(4, 8), plane(4, 4)]), Err(Uncodable::Planes));
    assert_eq!(encode(&[plane(8, 8), plane(3, 8), plane(3, 8)]), Err(Uncodable::Planes));
    assert_eq!(encode(&[plane(0, 8)]), Err(Uncodable::Size { width: 0, height: 8 }));
    assert_eq!(encode(&[plane(65_536, 1)]), Err(Uncodable::Size { width: 65_536, height: 1 }));
    encode(&[plane(65_535, 1)]).unwrap();
    encode(&[plane(1, 65_535)]).unwrap();
}

proptest! {
    #[test]
    fn any_samples_are_coded_and_come_back(
        (width, height) in (1..40_u32, 1..40_u32),
        bytes in proptest::collection::vec(any::<u8>(), 1600),
        quality in 0..=120_u8,
    ) {
        let samples_in: Vec<u8> = bytes.into_iter().take((width * height) as usize).collect();
        let plane = Plane { width, height, samples: samples_in.clone() };
        let (_, _, found) = samples(&file(&[plane], quality));
        if quality >= 100 {
            prop_assert!(apart(&found, &samples_in).0 <= 2);
        }
    }
}

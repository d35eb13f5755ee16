//! From a frame to the picture that is sent.

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

use std::sync::Arc;

use jpeg_encoder::SamplingFactor;
use pictures::{Kind, camera_kinds, photographs, samples, texture, without_tables};
use scalecam::camera::{Frame, PixelFormat};
use scalecam::jpeg::Image;
use scalecam::picture::{Mode, Picture, Settings, Unfit, prepare};
use scalecam::stamp::Stamp;

fn frame(format: PixelFormat, width: u16, height: u16, bytes: Vec<u8>) -> Arc<Frame> {
    let (width, height, taken) = (width.into(), height.into(), Stamp::from_millis(0));
    Arc::new(Frame { sequence: 1, taken, format, width, height, bytes, warming_up: false })
}

fn settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

fn file(picture: &Picture) -> Vec<u8> {
    picture.parts().collect::<Vec<_>>().concat()
}

/// The mean distance of two rows of samples.
fn distance(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn the_cameras_own_bytes_are_sent_without_a_copy() {
    for kind in camera_kinds() {
        let bytes = kind.file();
        let frame = frame(PixelFormat::Jpeg, kind.width, kind.height, [&bytes[..], &[0; 100]].concat());
        let picture = prepare(&frame, &Settings::DEFAULT).unwrap();
        assert_eq!((picture.width(), picture.height()), (kind.width.into(), kind.height.into()));
        assert_eq!((picture.mode(), picture.len()), (Mode::Pass, bytes.len()));
        let parts: Vec<&[u8]> = picture.parts().collect();
        assert_eq!(parts, [&bytes[..]]);
        assert_eq!(parts[0].as_ptr(), frame.bytes.as_ptr());
    }
}

#[test]
fn a_frame_without_tables_gets_them_and_still_is_not_copied() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    let bare = without_tables(&kind.file());
    let frame = frame(PixelFormat::Jpeg, 96, 64, [&bare[..], &[0; 9]].concat());
    let picture = prepare(&frame, &Settings::DEFAULT).unwrap();
    let parts: Vec<&[u8]> = picture.parts().collect();
    assert_eq!(parts.len(), 3);
    assert_eq!([parts[0], parts[2]].concat(), bare);
    assert_eq!(parts[2].as_ptr(), frame.bytes[parts[0].len()..].as_ptr());
    assert_eq!(picture.len(), bare.len() + 420);
    assert_eq!(samples(&file(&picture)), samples(&kind.file()));
}

#[test]
fn a_picture_larger_than_the_cameras_mode_is_refused() {
    let bytes = Kind::new(96, 64, None).file();
    for (width, height, fits) in [(96, 64, true), (95, 64, false), (96, 63, false), (4000, 4000, true)] {
        for mode in ["mode = \"pass\"", "mode = \"fit\"\nwidth = 40"] {
            let made = prepare(&frame(PixelFormat::Jpeg, width, height, bytes.clone()), &settings(mode));
            let refused = matches!(made, Err(Unfit::TooLarge { width: 96, height: 64, .. }));
            assert_eq!(refused, !fits);
            assert_eq!(made.is_ok(), fits);
        }
    }
}

#[test]
fn a_cut_frame_is_refused_in_every_mode() {
    let bytes = Kind::new(96, 64, Some(SamplingFactor::F_2_1)).file();
    for cut in (0..bytes.len()).step_by(7) {
        for mode in ["mode = \"pass\"", "mode = \"fit\"\nwidth = 40"] {
            let frame = frame(PixelFormat::Jpeg, 96, 64, [&bytes[..cut], &[0; 20]].concat());
            assert!(matches!(prepare(&frame, &settings(mode)), Err(Unfit::Damaged(_))), "cut at {cut}");
        }
    }
}

#[test]
fn fit_cuts_the_aspect_and_resizes() {
    for kind in camera_kinds() {
        let frame = frame(PixelFormat::Jpeg, kind.width, kind.height, kind.file());
        let picture = prepare(&frame, &settings("mode = \"fit\"\nwidth = 40")).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.mode()), (40, 24, Mode::Fit));
        let (width, height, _) = samples(&file(&picture));
        assert_eq!((width, height), (40, 24));
        assert_eq!(picture.parts().count(), 1);
    }
}

#[test]
fn fit_shows_what_the_camera_saw() {
    // A slope survives cutting and resizing: the value at each place is known.
    let slope: Vec<u8> = (0..80)
        .flat_map(|y| (0..160).flat_map(move |x| [x as u8 + 20, y as u8 + 90, 200 - x as u8]))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 98);
    encoder.set_sampling_factor(SamplingFactor::F_2_1);
    encoder.encode(&slope, 160, 80, jpeg_encoder::ColorType::Ycbcr).unwrap();
    let frame = frame(PixelFormat::Jpeg, 160, 80, bytes);
    let picture =
        prepare(&frame, &settings("mode = \"fit\"\naspect = \"1:1\"\nwidth = 40\nquality = 98")).unwrap();
    let (_, _, found) = samples(&file(&picture));
    // The middle 80 columns begin at 40; each pixel stands for two by two.
    let expected: Vec<u8> = (0..40)
        .flat_map(|y| (0..40).flat_map(move |x| [40 + 2 * x as u8 + 20, 2 * y as u8 + 90, 160 - 2 * x as u8]))
        .collect();
    assert!(distance(&found, &expected) < 2.0, "{}", distance(&found, &expected));
}

#[test]
fn fit_never_enlarges() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_2));
    let picture =
        prepare(&frame(PixelFormat::Jpeg, 96, 64, kind.file()), &settings("mode = \"fit\"")).unwrap();
    assert_eq!((picture.width(), picture.height()), (96, 58));
}

#[test]
fn fit_decodes_what_cameras_do_not_send_as_well() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    for file in [kind.progressive(), kind.optimised(), without_tables(&kind.file())] {
        let picture =
            prepare(&frame(PixelFormat::Jpeg, 96, 64, file), &settings("mode = \"fit\"\nwidth = 40"))
                .unwrap();
        assert_eq!((picture.width(), picture.height()), (40, 24));
    }
}

/// A frame in a raw format that shows a slope in video range, and the full-range samples it stands for.
fn slope(format: PixelFormat) -> (Arc<Frame>, Vec<u8>) {
    let (luma, blue, red) = (|x, y| 16 + 2 * x + y, |x, _| 128 + x / 2, |_, y| 240 - y * 2);
    let places = || (0..48_u8).flat_map(|y| (0..64_u8).map(move |x| (x, y)));
    let even = || places().filter(|(x, y)| x % 2 == 0 && y % 2 == 0);
    let chroma = |(x, y)| if x % 2 == 0 { blue(x, y) } else { red(x - 1, y) };
    let bytes: Vec<u8> = match format {
        PixelFormat::Yuyv => places().flat_map(|(x, y)| [luma(x, y), chroma((x, y))]).collect(),
        PixelFormat::Nv12 => {
            let chroma = even().flat_map(|(x, y)| [blue(x, y), red(x, y)]);
            places().map(|(x, y)| luma(x, y)).chain(chroma).collect()
        }
        PixelFormat::Grey | PixelFormat::Jpeg => places().map(|(x, y)| luma(x, y)).collect(),
    };
    let full = |sample: u8, origin: f64, steps: f64, target: f64| {
        ((f64::from(sample) - origin) * 255.0 / steps + target).round().clamp(0.0, 255.0) as u8
    };
    let colour = |(x, y)| {
        [
            full(luma(x, y), 16.0, 219.0, 0.0),
            full(blue(x, y), 128.0, 224.0, 128.0),
            full(red(x, y), 128.0, 224.0, 128.0),
        ]
    };
    let samples =
        if format == PixelFormat::Grey { bytes.clone() } else { places().flat_map(colour).collect() };
    (frame(format, 64, 48, bytes), samples)
}

#[test]
fn raw_frames_are_coded_in_full_range() {
    for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Grey] {
        let (frame, expected) = slope(format);
        let picture = prepare(&frame, &settings("quality = 98")).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.mode()), (64, 48, Mode::Pass));
        let file = file(&picture);
        let (_, _, found) = samples(&file);
        assert!(distance(&found, &expected) < 2.0, "{format:?}: {}", distance(&found, &expected));
        let (across, down) = Image::read(&file).unwrap().header().unit_blocks();
        let kept = match format {
            PixelFormat::Yuyv => (2, 1),
            PixelFormat::Nv12 => (2, 2),
            PixelFormat::Grey | PixelFormat::Jpeg => (1, 1),
        };
        assert_eq!((across, down), kept);
    }
}

#[test]
fn raw_frames_are_cut_and_resized() {
    for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Grey] {
        let (frame, all) = slope(format);
        let picture =
            prepare(&frame, &settings("mode = \"fit\"\naspect = \"4:3\"\nwidth = 32\nquality = 98")).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.mode()), (32, 24, Mode::Fit));
        let (_, _, found) = samples(&file(&picture));
        let kinds = if format == PixelFormat::Grey { 1 } else { 3 };
        let every_second: Vec<u8> = (0..24)
            .flat_map(|y| (0..32).map(move |x| (y, x)))
            .flat_map(|(y, x)| all[((2 * y * 64) + 2 * x) * kinds..][..kinds].to_vec())
            .collect();
        assert!(distance(&found, &every_second) < 3.0, "{format:?}: {}", distance(&found, &every_second));
    }
}

#[test]
fn a_raw_frame_of_the_wrong_length_is_refused() {
    for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Grey] {
        let (whole, _) = slope(format);
        for change in [-1_isize, 1] {
            let mut bytes = whole.bytes.clone();
            bytes.resize(bytes.len().checked_add_signed(change).unwrap(), 0);
            let found = bytes.len();
            let frame = frame(format, 64, 48, bytes);
            let expected = Unfit::Length { found, needed: whole.bytes.len() };
            assert_eq!(prepare(&frame, &Settings::DEFAULT).unwrap_err(), expected);
            assert_eq!(prepare(&frame, &settings("mode = \"fit\"")).unwrap_err(), expected);
        }
    }
}

#[test]
fn raw_frames_of_odd_sizes_are_coded() {
    for (format, bytes) in
        [(PixelFormat::Yuyv, 8 * 4 * 5), (PixelFormat::Nv12, 15 * 5 + 16 * 3), (PixelFormat::Grey, 75)]
    {
        let frame = frame(format, 15, 5, vec![100; bytes]);
        for mode in ["", "mode = \"fit\""] {
            let picture = prepare(&frame, &settings(mode)).unwrap();
            let (width, height, _) = samples(&file(&picture));
            assert_eq!((picture.width(), picture.height()), (width, height));
        }
    }
}

#[test]
fn photographs_pass_and_fit() {
    for bytes in photographs() {
        let frame = frame(PixelFormat::Jpeg, 1920, 1080, bytes);
        assert_eq!(file(&prepare(&frame, &Settings::DEFAULT).unwrap()), frame.bytes);
        let fitted = prepare(&frame, &settings("mode = \"fit\"")).unwrap();
        assert_eq!((fitted.width(), fitted.height()), (600, 360));
    }
}

#[test]
fn the_texture_has_what_it_promises() {
    let samples = texture(96, 64);
    let (least, most) = (samples.iter().min().unwrap(), samples.iter().max().unwrap());
    assert!(most - least > 150);
}

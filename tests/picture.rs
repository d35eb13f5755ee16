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
use scalecam::jpeg::{Damage, Image, Unusual};
use scalecam::picture::{Mode, Picture, Remark, Settings, Unfit, prepare};
use scalecam::stamp::Stamp;

fn frame(format: PixelFormat, width: u16, height: u16, bytes: Vec<u8>) -> Arc<Frame> {
    let (width, height, taken) = (width.into(), height.into(), Stamp::from_millis(0));
    Arc::new(Frame { sequence: 1, taken, format, width, height, full_range: false, bytes, warming_up: false })
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
        let picture = prepare(&frame, &settings("mode = \"pass\"")).unwrap();
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
    let picture = prepare(&frame, &settings("mode = \"pass\"")).unwrap();
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
        let picture = prepare(&frame, &settings("mode = \"pass\"\nquality = 98")).unwrap();
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
fn raw_frames_are_cut_where_chrominance_begins() {
    for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Grey] {
        let (frame, all) = slope(format);
        let text = "mode = \"crop\"\naspect = \"4:3\"\nquality = 100\nregion = [3, 5, 40, 30]";
        let picture = prepare(&frame, &settings(text)).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.mode()), (40, 30, Mode::Crop));
        let (_, _, found) = samples(&file(&picture));
        let kinds = if format == PixelFormat::Grey { 1 } else { 3 };
        let expected: Vec<u8> =
            (4..34).flat_map(|y| all[(y * 64 + 2) * kinds..][..40 * kinds].to_vec()).collect();
        assert!(distance(&found, &expected) < 1.2, "{format:?}: {}", distance(&found, &expected));
        // A slope that falls by two a row tells whether the rows are those of the frame.
        let shift = |kind: usize| -> f64 {
            let pairs = found.iter().zip(&expected).skip(kind).step_by(kinds);
            let inside = pairs.map(|(found, expected)| f64::from(*found) - f64::from(*expected));
            inside.sum::<f64>() / f64::from(40 * 30)
        };
        assert!(
            (0..kinds).all(|kind| shift(kind).abs() < 1.3),
            "{format:?}: {:?}",
            (0..kinds).map(shift).collect::<Vec<_>>()
        );
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
            assert_eq!(prepare(&frame, &settings("mode = \"pass\"")).unwrap_err(), expected);
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
fn crop_cuts_the_aspect_without_a_second_loss() {
    for kind in camera_kinds() {
        let frame = frame(PixelFormat::Jpeg, kind.width, kind.height, kind.file());
        let picture = prepare(&frame, &settings("mode = \"crop\"\naspect = \"1:1\"")).unwrap();
        let side = u32::from(kind.height);
        assert_eq!((picture.width(), picture.height(), picture.mode()), (side, side, Mode::Crop));
        assert_eq!(picture.remark(), None);
        let (width, _, found) = samples(&file(&picture));
        let (whole_width, _, expected) = samples(&frame.bytes);
        let kinds = found.len() / (width * side) as usize;
        // 16 columns are left of the middle square, or 14, which is nearest to a unit's edge.
        for y in 0..side {
            let here = found[(y * width) as usize * kinds..].iter().step_by(kinds);
            let there = expected[(y * whole_width + 16) as usize * kinds..].iter().step_by(kinds);
            assert!(
                here.zip(there).take(side as usize).all(|(here, there)| here == there),
                "{kind:?} row {y}"
            );
        }
    }
}

#[test]
fn crop_and_fit_keep_to_the_region() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    for (mode, size) in [("crop", (40, 24)), ("fit", (40, 24)), ("pass", (96, 64))] {
        let text = format!("mode = \"{mode}\"\nregion = [48, 16, 40, 40]");
        let picture = prepare(&frame(PixelFormat::Jpeg, 96, 64, kind.file()), &settings(&text)).unwrap();
        assert_eq!((picture.width(), picture.height()), size);
    }
    let outside = settings("mode = \"crop\"\nregion = [57, 16, 40, 40]");
    let refused = prepare(&frame(PixelFormat::Jpeg, 96, 64, kind.file()), &outside).unwrap_err();
    assert!(matches!(refused, Unfit::Outside { what: "region", .. }));
}

/// Whether no sample in the masked square shows what is there in the camera's picture.
fn is_hidden(picture: &Picture) -> bool {
    let (width, height, found) = samples(&file(picture));
    let kinds = found.len() / (width * height) as usize;
    // The mask of the next test, in the scale of the picture; what is around it may be blurred into its edges.
    let scale = f64::from(width) / 96.0;
    let within = |from: f64, to: f64| ((from * scale).ceil() as u32 + 3)..((to * scale).floor() as u32 - 3);
    within(32.0, 64.0).all(|x| {
        within(16.0, 48.0).all(|y| {
            let here = &found[((y * width + x) as usize) * kinds..][..kinds];
            here.iter().all(|sample| sample.abs_diff(128) <= 6)
        })
    })
}

#[test]
fn masks_are_grey_in_every_mode_and_every_format() {
    let mut frames = Vec::new();
    for factor in [Some(SamplingFactor::F_2_1), Some(SamplingFactor::F_2_2), None] {
        let kind = Kind { quality: 95, ..Kind::new(96, 64, factor) };
        for file in [kind.file(), kind.progressive(), kind.optimised(), without_tables(&kind.file())] {
            frames.push(frame(PixelFormat::Jpeg, 96, 64, file));
        }
    }
    for (format, bytes) in
        [(PixelFormat::Yuyv, 2 * 96 * 64), (PixelFormat::Nv12, 96 * 96), (PixelFormat::Grey, 96 * 64)]
    {
        frames.push(frame(format, 96, 64, texture(96, 64).into_iter().take(bytes).collect()));
    }
    for frame in frames {
        for mode in
            ["\"pass\"", "\"crop\"", "\"fit\"\nwidth = 96", "\"fit\"\nwidth = 48", "\"fit\"\nwidth = 40"]
        {
            let open = format!("aspect = \"3:2\"\nquality = 95\nmode = {mode}");
            let masked = format!("{open}\nmasks = [[32, 16, 32, 32]]");
            let whole = prepare(&frame, &settings(&open)).unwrap();
            assert!(!is_hidden(&whole), "the texture must show");
            let picture = prepare(&frame, &settings(&masked)).unwrap();
            assert!(is_hidden(&picture), "{:?} {masked}", frame.format);
            assert_eq!((picture.width(), picture.height()), (whole.width(), whole.height()));
        }
    }
}

#[test]
fn masks_that_do_not_fit_the_picture_stop_it() {
    for (format, bytes) in [
        (PixelFormat::Jpeg, Kind::new(96, 64, Some(SamplingFactor::F_2_1)).file()),
        (PixelFormat::Yuyv, vec![90; 2 * 96 * 64]),
    ] {
        for mode in ["pass", "crop", "fit"] {
            let made = |mask: &str| {
                let text = format!("mode = \"{mode}\"\nmasks = [{mask}]");
                prepare(&frame(format, 96, 64, bytes.clone()), &settings(&text))
            };
            assert!(matches!(made("[90, 0, 7, 7]"), Err(Unfit::Outside { what: "mask", .. })));
            assert!(matches!(made("[0, 0, 96, 64]"), Err(Unfit::AllMasked { .. })));
            made("[90, 0, 6, 7]").unwrap();
        }
    }
}

#[test]
fn what_cannot_be_cut_without_loss_goes_as_it_is_and_says_so() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    for (bytes, why) in [(kind.progressive(), Unusual::Coding), (kind.optimised(), Unusual::Scans)] {
        let frame = frame(PixelFormat::Jpeg, 96, 64, bytes);
        let picture = prepare(&frame, &settings("mode = \"crop\"")).unwrap();
        assert_eq!((picture.mode(), picture.remark()), (Mode::Pass, Some(Remark::Uncut(why))));
        assert_eq!(file(&picture), frame.bytes);
        let masked = prepare(&frame, &settings("mode = \"crop\"\nmasks = [[0, 0, 9, 9]]")).unwrap();
        assert_eq!((masked.mode(), masked.remark()), (Mode::Fit, Some(Remark::Recoded(why))));
        let unverified = prepare(&frame, &settings("mode = \"pass\"\nverify = true")).unwrap();
        assert_eq!(unverified.remark(), Some(Remark::Unverified(why)));
    }
}

#[test]
fn damage_inside_the_picture_is_found_where_it_is_looked_for() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    let mut bytes = kind.file();
    let end = bytes.len();
    // Bytes lost from the middle of the data: both markers are there.
    bytes.drain(end - 1500..end - 900);
    let frame = frame(PixelFormat::Jpeg, 96, 64, bytes);
    prepare(&frame, &settings("mode = \"pass\"")).unwrap();
    for mode in
        ["mode = \"pass\"\nverify = true", "mode = \"crop\"", "mode = \"fit\"", "masks = [[0, 0, 1, 1]]"]
    {
        let refused = prepare(&frame, &settings(mode)).unwrap_err();
        assert!(matches!(refused, Unfit::Damaged(Damage::Corrupt { .. })), "{mode}: {refused}");
    }
}

#[test]
fn full_range_cameras_are_not_stretched() {
    let frame = frame(PixelFormat::Yuyv, 16, 16, [30, 60].repeat(256));
    let first = |text| samples(&file(&prepare(&frame, &settings(text)).unwrap())).2[..3].to_vec();
    assert_eq!(first("raw_range = \"full\"\nquality = 100"), [30, 60, 60]);
    // (30 - 16) * 255 / 219 and (60 - 128) * 255 / 224 + 128.
    assert_eq!(first("quality = 100"), [16, 51, 51]);
    // Unless the settings say otherwise the driver is believed.
    let told = Frame { full_range: true, ..Arc::into_inner(frame).unwrap() };
    let told = prepare(&Arc::new(told), &settings("quality = 100")).unwrap();
    assert_eq!(samples(&file(&told)).2[..3], [30, 60, 60]);
}

#[test]
fn photographs_pass_and_fit() {
    for bytes in photographs() {
        let frame = frame(PixelFormat::Jpeg, 1920, 1080, bytes);
        assert_eq!(file(&prepare(&frame, &settings("mode = \"pass\"")).unwrap()), frame.bytes);
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

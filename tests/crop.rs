//! Cutting without loss: the same pixels, moved.

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
use pictures::{Kind, camera_kinds, photographs, samples, segments, without_tables};
use proptest::prelude::*;
use scalecam::jpeg::{Closed, Damage, Image, Rect, Unusual, crop, verify};

const fn rect(left: u32, top: u32, width: u32, height: u32) -> Rect {
    Rect { left, top, width, height }
}

/// Whether `file`, which shows `area` of `whole`, has the very same samples there.
///
/// Decoders smooth chrominance over its neighbours, which at new edges are others: there it is left out.
fn is_the_same(file: &[u8], whole: &[u8], area: Rect) -> bool {
    let ((width, _, found), (whole_width, _, expected)) = (samples(file), samples(whole));
    let kinds = found.len() / (width * area.height) as usize;
    (0..area.height).all(|y| {
        (0..area.width).all(|x| {
            let here = &found[((y * width + x) as usize) * kinds..][..kinds];
            let there =
                &expected[(((y + area.top) * whole_width + x + area.left) as usize) * kinds..][..kinds];
            let inside = x >= 2 && y >= 2 && x + 2 < area.width && y + 2 < area.height;
            here[0] == there[0] && (!inside || here == there)
        })
    })
}

#[test]
fn a_part_has_the_pixels_it_had_before() {
    for kind in camera_kinds() {
        let whole = kind.file();
        for area in [
            rect(16, 16, 48, 32),
            rect(0, 0, 1, 1),
            rect(32, 0, 50, 61),
            rect(48, 32, 42, 29),
            rect(16, 0, 17, 9),
        ] {
            let cropped = crop(&Image::read(&whole).unwrap(), area, &[]).unwrap();
            assert_eq!(cropped.area, area);
            let image = Image::read(&cropped.file).unwrap();
            assert_eq!(
                (u32::from(image.header().width), u32::from(image.header().height)),
                (area.width, area.height)
            );
            assert!(is_the_same(&cropped.file, &whole, area), "{kind:?} {area:?}");
        }
    }
}

#[test]
fn the_whole_picture_and_one_without_tables_are_cut_alike() {
    for kind in camera_kinds() {
        let whole = kind.file();
        let all = Rect::whole(kind.width.into(), kind.height.into());
        let cropped = crop(&Image::read(&whole).unwrap(), all, &[]).unwrap();
        assert_eq!(samples(&cropped.file), samples(&whole));
        let bare = without_tables(&whole);
        assert_eq!(crop(&Image::read(&bare).unwrap(), all, &[]).unwrap(), cropped);
    }
}

#[test]
fn edges_move_to_the_nearest_unit_and_the_size_stays() {
    let whole = Kind::new(96, 64, Some(SamplingFactor::F_2_2)).file();
    let image = Image::read(&whole).unwrap();
    for (wanted, got) in [
        (rect(8, 0, 60, 64), rect(0, 0, 60, 64)),
        (rect(9, 9, 60, 40), rect(16, 16, 60, 40)),
        (rect(24, 25, 60, 32), rect(16, 32, 60, 32)),
        // Moved on it would reach over the edge.
        (rect(26, 25, 70, 39), rect(16, 16, 70, 39)),
        (rect(80, 48, 100, 100), rect(80, 48, 16, 16)),
        (rect(96, 0, 10, 10), rect(0, 0, 96, 64)),
        (rect(0, 0, 0, 10), rect(0, 0, 96, 64)),
    ] {
        let cropped = crop(&image, wanted, &[]).unwrap();
        assert_eq!(cropped.area, got);
        assert!(is_the_same(&cropped.file, &whole, got));
    }
}

#[test]
fn masked_units_are_grey_and_the_others_untouched() {
    for kind in camera_kinds() {
        let whole = kind.file();
        let (area, mask) = (rect(16, 16, 64, 32), rect(40, 20, 10, 5));
        let image = Image::read(&whole).unwrap();
        let (across, down) = image.header().unit_blocks();
        let (across, down) = (u32::from(across) * 8, u32::from(down) * 8);
        let cropped = crop(&image, area, &[mask]).unwrap();
        let (width, _, found) = samples(&cropped.file);
        let (whole_width, _, expected) = samples(&whole);
        let kinds = if kind.factor.is_some() { 3 } else { 1 };
        let touched = |x: u32, y: u32, margin: u32| {
            x + margin >= mask.left / across * across
                && x < mask.right().div_ceil(across) * across + margin
                && y + margin >= mask.top / down * down
                && y < mask.bottom().div_ceil(down) * down + margin
        };
        for (x, y) in (0..area.height).flat_map(|y| (0..area.width).map(move |x| (x, y))) {
            let here = &found[((y * width + x) as usize) * kinds..][..kinds];
            let (x, y) = (x + area.left, y + area.top);
            let there = &expected[((y * whole_width + x) as usize) * kinds..][..kinds];
            if touched(x, y, 0) {
                assert_eq!(here[0], 128, "{kind:?} at {x},{y}");
            } else {
                assert_eq!(here[0], there[0], "{kind:?} at {x},{y}");
            }
            let inside =
                x < area.right() - 2 && y < area.bottom() - 2 && x > area.left + 1 && y > area.top + 1;
            if inside && !touched(x, y, 3) {
                assert_eq!(here, there);
            }
        }
    }
}

#[test]
fn nothing_that_is_not_needed_to_show_it_stays_in_the_file() {
    let mut whole = Kind::new(96, 64, Some(SamplingFactor::F_2_1)).file();
    let notes = [&[0xFF, 0xE1, 0, 8][..], b"Exif\0\0", &[0xFF, 0xFE, 0, 6], b"lane"].concat();
    whole.splice(2..2, notes);
    let cropped = crop(&Image::read(&whole).unwrap(), rect(16, 0, 60, 64), &[]).unwrap();
    assert_eq!(segments(&cropped.file, 0xE1).len() + segments(&cropped.file, 0xFE).len(), 0);
    assert!(!cropped.file.windows(4).any(|bytes| bytes == b"lane"));
    assert_eq!(segments(&cropped.file, 0xE0).len(), 1);
}

#[test]
fn what_the_colours_mean_stays_in_the_file() {
    let mut whole = Kind::new(96, 64, Some(SamplingFactor::F_1_1)).file();
    let jfif = segments(&whole, 0xE0).remove(0);
    let adobe = [&[0xFF, 0xEE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, 0]].concat();
    whole.splice(jfif, adobe.clone());
    let cropped = crop(&Image::read(&whole).unwrap(), rect(16, 0, 60, 64), &[]).unwrap();
    assert_eq!(segments(&cropped.file, 0xE0).len(), 0);
    assert_eq!(cropped.file[segments(&cropped.file, 0xEE).remove(0)], adobe);
}

#[test]
fn tables_made_for_one_picture_do_for_its_parts() {
    // Grey, so that the encoder writes one scan although it makes its own tables.
    let whole = Kind::new(96, 64, None).optimised();
    for left in (0..96).step_by(8) {
        let area = rect(left, 24, 96 - left, 33);
        let cropped = crop(&Image::read(&whole).unwrap(), area, &[]).unwrap();
        assert!(is_the_same(&cropped.file, &whole, area));
    }
}

#[test]
fn what_cameras_do_not_send_is_told_apart_from_damage() {
    let kind = Kind::new(96, 64, Some(SamplingFactor::F_2_1));
    for (file, why) in [(kind.progressive(), Unusual::Coding), (kind.optimised(), Unusual::Scans)] {
        let image = Image::read(&file).unwrap();
        assert_eq!(crop(&image, rect(0, 0, 16, 16), &[]).unwrap_err(), Closed::Unusual(why));
        assert_eq!(verify(&image).unwrap_err(), Closed::Unusual(why));
    }
}

#[test]
fn a_cut_that_was_given_an_end_is_found() {
    for kind in [Kind::new(48, 32, Some(SamplingFactor::F_2_1)), Kind::new(48, 32, None)] {
        let file = kind.file();
        let start = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
        let image = Image::read(&file).unwrap();
        verify(&image).unwrap();
        // The very last byte may hold nothing but filling.
        for cut in start..file.len() - 3 {
            let cut = [&file[..cut], &[0xFF, 0xD9]].concat();
            if let Ok(image) = Image::read(&cut) {
                assert!(matches!(verify(&image), Err(Closed::Damaged(Damage::Corrupt { .. }))));
                assert!(crop(&image, rect(0, 0, 16, 16), &[]).is_err());
            }
        }
    }
}

/// How many of a hundred frames with some bytes changed are noticed.
fn noticed(file: &[u8], change: impl Fn(&mut [u8])) -> usize {
    let start = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
    let length = file.len() - start - 100;
    let noticed = |part: &usize| {
        let mut changed = file.to_vec();
        let from = start + length * part / 100;
        change(&mut changed[from..from + 64]);
        Image::read(&changed).map_err(Closed::from).and_then(|image| verify(&image)).is_err()
    };
    (0..100).filter(noticed).count()
}

#[test]
fn lost_and_overwritten_bytes_are_found_nearly_always() {
    let file = Kind::new(640, 360, Some(SamplingFactor::F_2_1)).file();
    let zeroed = noticed(&file, |bytes| bytes.fill(0));
    let swapped = noticed(&file, <[u8]>::reverse);
    assert!(zeroed >= 97, "{zeroed} of 100");
    assert!(swapped >= 97, "{swapped} of 100");
}

#[test]
fn photographs_are_cut_without_loss() {
    for whole in photographs() {
        let image = Image::read(&whole).unwrap();
        let area = rect(48, 8, u32::from(image.header().width) - 100, u32::from(image.header().height) - 20);
        let cropped = crop(&image, area, &[]).unwrap();
        assert!(is_the_same(&cropped.file, &whole, area));
        verify(&Image::read(&cropped.file).unwrap()).unwrap();
    }
}

proptest! {
    #[test]
    fn any_area_of_any_kind_is_cut_and_whole(
        kind in prop::sample::select(camera_kinds()),
        (left, top, width, height) in (0..100_u32, 0..70_u32, 0..100_u32, 0..70_u32),
        masks in proptest::collection::vec((0..100_u32, 0..70_u32, 0..40_u32, 0..40_u32), 0..3),
    ) {
        let whole = kind.file();
        let masks: Vec<Rect> = masks.into_iter().map(|(x, y, w, h)| rect(x, y, w, h)).collect();
        let cropped = crop(&Image::read(&whole).unwrap(), rect(left, top, width, height), &masks).unwrap();
        let image = Image::read(&cropped.file).unwrap();
        verify(&image).unwrap();
        if masks.is_empty() {
            prop_assert!(is_the_same(&cropped.file, &whole, cropped.area));
        }
    }

    #[test]
    fn changed_bytes_never_end_in_a_panic(
        kind in prop::sample::select(camera_kinds()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = without_tables(&kind.file());
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(image) = Image::read(&file)
            && image.header().width < 2000 && image.header().height < 2000
            && let Ok(cropped) = crop(&image, rect(16, 8, 40, 40), &[rect(20, 20, 3, 3)])
        {
            prop_assert!(Image::read(&cropped.file).is_ok());
        }
    }
}

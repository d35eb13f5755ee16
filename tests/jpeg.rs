//! The walk over JPEG files: what is whole passes, what is cut or mixed up does not.

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

use pictures::{Kind, camera_kinds, photographs, segments, without_tables};
use proptest::prelude::*;
use scalecam::jpeg::{Coding, Damage, Image, STANDARD_TABLES};

fn small() -> Kind {
    Kind::new(48, 32, Some(jpeg_encoder::SamplingFactor::F_2_1))
}

#[test]
fn the_header_of_every_kind_is_read() {
    for kind in camera_kinds() {
        let file = kind.file();
        let image = Image::read(&file).unwrap();
        let header = image.header();
        assert_eq!((header.width, header.height), (kind.width, kind.height));
        assert_eq!((header.coding, header.precision), (Coding::Baseline, 8));
        assert_eq!(header.components().len(), if kind.factor.is_some() { 3 } else { 1 });
        assert_eq!(image.pieces(), [&file[..], &[], &[]]);
    }
    let image = small().progressive();
    assert_eq!(Image::read(&image).unwrap().header().coding, Coding::Progressive);
    Image::read(&small().optimised()).unwrap();
}

#[test]
fn a_cut_anywhere_is_noticed_padded_or_not() {
    for file in
        [small().file(), small().restarting(2).file(), without_tables(&small().file()), small().progressive()]
    {
        Image::read(&file).unwrap();
        for cut in 0..file.len() {
            for padding in [&[][..], &[0; 64], &[0xFF; 8], &[0xFF, 0xD9], &[0, 0xFF, 0xD9, 0]] {
                let frame = [&file[..cut], padding].concat();
                // A frame that lost only entropy-coded data and has an end marker is for the decoder to find out,
                // unless restart markers count its parts.
                let in_scan = cut >= scan_start(&file) && padding.contains(&0xD9);
                let only_the_end = cut >= file.len() - 2 && padding.contains(&0xD9);
                assert!(
                    Image::read(&frame).is_err() || in_scan || only_the_end,
                    "cut at {cut} of {}",
                    file.len()
                );
            }
        }
    }
}

fn scan_start(file: &[u8]) -> usize {
    file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 2
}

#[test]
fn a_picture_spliced_into_another_is_noticed() {
    let (first, second) = (small().file(), small().restarting(3).file());
    for cut in scan_start(&first) + 12..first.len() - 2 {
        assert!(Image::read(&[&first[..cut], &second[..]].concat()).is_err());
    }
    let twice = [&first[..], &second[..]].concat();
    assert_eq!(Image::read(&twice).unwrap_err(), Damage::AfterEnd { offset: first.len() });
}

#[test]
fn a_lost_part_is_noticed_by_its_restart_marker() {
    let file = small().restarting(2).file();
    let restarts: Vec<usize> =
        (0..file.len() - 1).filter(|&at| file[at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1])).collect();
    assert_eq!(restarts.len(), 3 * 4 / 2 - 1);
    for pair in restarts.windows(2) {
        let lost = [&file[..pair[0]], &file[pair[1]..]].concat();
        assert!(matches!(Image::read(&lost), Err(Damage::Restart { .. })));
    }
    let [first, second, third] = restarts[..3] else { panic!("more than three restart markers") };
    let swapped = [&file[..first], &file[second..third], &file[first..second], &file[third..]].concat();
    assert_eq!(Image::read(&swapped).unwrap_err(), Damage::Restart { offset: first });
    let last = *restarts.last().unwrap();
    let cut = [&file[..last], &[0xFF, 0xD9]].concat();
    assert_eq!(Image::read(&cut).unwrap_err(), Damage::Restart { offset: last });
    // One more marker behind the last part is what some encoders write.
    let next = 0xD0 + u8::try_from(restarts.len() % 8).unwrap();
    let more = [&file[..file.len() - 2], &[0xFF, next, 0xFF, 0xD9]].concat();
    Image::read(&more).unwrap();
    let unannounced = [&small().file()[..], &[]].concat();
    let at = unannounced.len() - 2;
    let marked = [&unannounced[..at], &[0xFF, 0xD0], &unannounced[at..]].concat();
    assert_eq!(Image::read(&marked).unwrap_err(), Damage::Misplaced { marker: 0xD0, offset: at });
}

#[test]
fn missing_huffman_tables_are_put_in() {
    for kind in camera_kinds() {
        let file = kind.file();
        let bare = without_tables(&file);
        assert!(bare.len() < file.len());
        let image = Image::read(&bare).unwrap();
        let [head, tables, tail] = image.pieces();
        assert_eq!([head, tail].concat(), bare);
        assert_eq!(tables, STANDARD_TABLES);
        assert_eq!(decoded(&image.pieces().concat()), decoded(&file));
    }
}

#[test]
fn tables_of_its_own_win_over_the_standard_ones() {
    let file = small().file();
    let tables = segments(&file, 0xC4);
    assert_eq!(tables.len(), 4);
    let mut partial = file.clone();
    partial.drain(tables[2].clone());
    let image = Image::read(&partial).unwrap();
    let [_, inserted, tail] = image.pieces();
    assert_eq!(inserted, STANDARD_TABLES);
    assert!(tail.starts_with(&[0xFF, 0xC4]));
    assert_eq!(decoded(&image.pieces().concat()), decoded(&file));
}

#[test]
fn the_standard_tables_are_those_of_another_author() {
    let file = small().file();
    let theirs: Vec<u8> =
        segments(&file, 0xC4).into_iter().flat_map(|segment| file[segment][4..].to_vec()).collect();
    assert_eq!(theirs, &STANDARD_TABLES[4..]);
}

#[test]
fn a_missing_quantisation_table_is_damage() {
    let file = small().file();
    let mut lost = file.clone();
    lost.drain(segments(&file, 0xDB)[1].clone());
    assert!(matches!(Image::read(&lost), Err(Damage::Malformed { marker: 0xDA, .. })));
}

#[test]
fn photographs_are_whole() {
    for file in photographs() {
        let image = Image::read(&file).unwrap();
        assert_eq!(image.bytes().len(), file.len());
    }
}

fn decoded(file: &[u8]) -> Vec<u8> {
    zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(file)).decode().unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Image::read(&bytes);
        let framed = [&[0xFF, 0xD8][..], &bytes, &[0xFF, 0xD9]].concat();
        let _ = Image::read(&framed);
    }

    #[test]
    fn a_changed_file_is_read_or_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = small().restarting(2).file();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(image) = Image::read(&file) {
            prop_assert!(image.pieces().concat().len() >= image.bytes().len());
        }
    }
}

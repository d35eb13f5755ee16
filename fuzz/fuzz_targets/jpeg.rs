//! Any bytes as a camera's frame: walked, verified, decoded in every size, cut. No panic, memory by the picture's size,
//! and all of them of one opinion.
//!
//! The first bytes pick the area and a mask, the rest is the frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalecam::jpeg::{Closed, Damage, Image, Rect, Scale, crop, decode, verify, whole};

/// More pixels than this take too long for a fuzzer; the agent refuses what is beyond the camera's mode.
const MOST_PIXELS: u32 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let [a, b, c, d, frame @ ..] = bytes else { return };
    let Ok(image) = Image::read(frame) else { return };
    assert!(whole(image.bytes()).is_ok_and(|again| again == image.bytes()));
    let (width, height) = (u32::from(image.header().width), u32::from(image.header().height));
    if width * height > MOST_PIXELS {
        return;
    }
    // With its tables put in, the file says the same.
    let complete = image.pieces().concat();
    let again = Image::read(&complete).expect("a repaired file is a file");
    assert!(!again.lacks_tables() && again.header() == image.header());
    let sound = verify(&image);
    assert_eq!(verify(&again), sound);

    let part = |from: u8, length: u8, whole: u32| {
        let from = u32::from(from) * whole / 256;
        (from, (u32::from(length) + 1).min(whole - from))
    };
    let ((left, across), (top, down)) = (part(*a, *b, width), part(*c, *d, height));
    let area = Rect { left, top, width: across, height: down };
    let masks = if a & 1 == 0 { vec![] } else { vec![Rect { width: across / 2 + 1, ..area }] };

    for scale in [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth] {
        match decode(&image, area, &masks, scale) {
            Ok(decoded) => {
                assert!(sound.is_ok() && decoded.area.contains(area));
                for plane in decoded.planes {
                    assert_eq!(plane.samples.len() as u64, u64::from(plane.width) * u64::from(plane.height));
                }
            }
            Err(Closed::Damaged(_)) => assert!(sound.is_err()),
            Err(Closed::Unusual(_)) => {}
        }
    }
    match crop(&image, area, &masks) {
        Ok(cropped) => {
            assert!(sound.is_ok());
            let cut = Image::read(&cropped.file).expect("what was cut is a file");
            assert_eq!((u32::from(cut.header().width), u32::from(cut.header().height)), (across, down));
            assert_eq!(verify(&cut), Ok(()));
        }
        Err(Closed::Damaged(damage)) => {
            assert!(matches!(damage, Damage::Corrupt { .. }), "{damage}");
            assert!(sound.is_err());
        }
        Err(Closed::Unusual(_)) => {}
    }
});

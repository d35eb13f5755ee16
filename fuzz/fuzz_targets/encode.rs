//! Any samples in any size, coded and decoded again: a sound file that shows what was coded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalecam::jpeg::{Image, Plane, Rect, Scale, decode, encode, verify};

fuzz_target!(|bytes: &[u8]| {
    let [width, height, quality, shape, samples @ ..] = bytes else { return };
    let (width, height) = (u32::from(width % 70), u32::from(height % 70));
    let mut samples = samples.iter().copied().cycle();
    let mut plane = |width: u32, height: u32| {
        let samples: Vec<u8> = (0..width * height).map(|_| samples.next().unwrap_or(128)).collect();
        Plane { width, height, samples }
    };
    let luma = plane(width, height);
    let (across, down) = (u32::from(shape >> 1 & 1) + 1, u32::from(shape >> 2 & 1) + 1);
    let chroma = [(); 2].map(|()| plane(width.div_ceil(across), height.div_ceil(down)));
    let grey = shape & 1 == 1;
    let planes: Vec<&Plane> =
        std::iter::once(&luma).chain(chroma.iter().filter(|_| !grey)).collect();
    let Ok(file) = encode(&planes, *quality) else {
        assert!(width == 0 || height == 0);
        return;
    };
    let image = Image::read(&file).expect("what was coded is a file");
    assert_eq!(verify(&image), Ok(()));
    let whole = Rect { left: 0, top: 0, width, height };
    let decoded = decode(&image, whole, &[], Scale::Full).expect("what was coded can be decoded");
    if *quality < 100 {
        return;
    }
    // At the best quality every step is one: half a step in each of 64 coefficients, and rounding twice.
    for (coded, shown) in planes.iter().zip(&decoded.planes) {
        for y in 0..coded.height {
            let row = |plane: &Plane| plane.samples[(y * plane.width) as usize..].to_vec();
            let apart = row(coded).iter().zip(row(shown)).take(coded.width as usize).map(|(a, b)| a.abs_diff(b)).max();
            assert!(apart <= Some(5), "{apart:?} in row {y}");
        }
    }
});

//! What each mode costs, at 720p and 1080p: photographs from the folder that `SCALECAM_FRAMES` names, textured
//! pictures where there are none. `benches/picture.sh` sets them beside the same in Python.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a benchmark that cannot run must stop"
)]

#[path = "../tests/pictures/mod.rs"]
mod pictures;

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use divan::Bencher;
use jpeg_encoder::SamplingFactor;
use scalecam::camera::{Frame, PixelFormat};
use scalecam::jpeg::{self, Image, Rect, Scale};
use scalecam::picture::{Settings, append_base64, prepare};
use scalecam::stamp::Stamp;

fn main() {
    divan::main();
}

const SIZES: [(u16, u16); 2] = [(1280, 720), (1920, 1080)];

fn frames((width, height): (u16, u16)) -> Vec<Arc<Frame>> {
    let size = |file: &[u8]| Image::read(file).map(|image| (image.header().width, image.header().height));
    let mut files = pictures::photographs();
    files.retain(|file| size(file) == Ok((width, height)));
    if files.is_empty() {
        files.push(pictures::Kind::new(width, height, Some(SamplingFactor::F_2_1)).file());
    }
    files.into_iter().map(|file| frame(PixelFormat::Jpeg, (width, height), file)).collect()
}

fn frame(format: PixelFormat, (width, height): (u16, u16), bytes: Vec<u8>) -> Arc<Frame> {
    let (width, height, taken) = (width.into(), height.into(), Stamp::from_millis(0));
    Arc::new(Frame { sequence: 1, taken, format, width, height, bytes, warming_up: false })
}

/// One frame after the other, round and round.
fn each<T>(bencher: Bencher<'_, '_>, frames: &[Arc<Frame>], work: impl Fn(&Arc<Frame>) -> T + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    bencher
        .with_inputs(|| &frames[next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % frames.len()])
        .bench_refs(|frame| work(frame));
}

fn settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

/// From the frame to the finished text in a request body that is used again.
fn body(bencher: Bencher<'_, '_>, frames: &[Arc<Frame>], settings: &Settings) {
    let body = std::sync::Mutex::new(BytesMut::with_capacity(1 << 20));
    each(bencher, frames, |frame| {
        let picture = prepare(frame, settings).unwrap();
        let mut body = body.lock().unwrap();
        body.clear();
        append_base64(picture.parts(), &mut body);
        black_box(body.len())
    });
}

#[divan::bench(args = SIZES)]
fn pass(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &Settings::DEFAULT);
}

#[divan::bench(args = SIZES)]
fn fit(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"fit\""));
}

#[divan::bench(args = SIZES)]
fn walk(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    each(bencher, &frames(size), |frame| Image::read(&frame.bytes).unwrap().bytes().len());
}

#[divan::bench(args = SIZES)]
fn verify(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    each(bencher, &frames(size), |frame| jpeg::verify(&Image::read(&frame.bytes).unwrap()).unwrap());
}

#[divan::bench(args = SIZES)]
fn crop(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"crop\""));
}

/// The reduced plane that motion and sharpness can be told from.
#[divan::bench(args = SIZES)]
fn eighth(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let all = Rect::whole(size.0.into(), size.1.into());
    each(bencher, &frames(size), |frame| {
        jpeg::decode(&Image::read(&frame.bytes).unwrap(), all, &[], Scale::Eighth).unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn decode_half(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let all = Rect::whole(size.0.into(), size.1.into());
    each(bencher, &frames(size), |frame| {
        jpeg::decode(&Image::read(&frame.bytes).unwrap(), all, &[], Scale::Half).unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn decode_full(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let all = Rect::whole(size.0.into(), size.1.into());
    each(bencher, &frames(size), |frame| {
        jpeg::decode(&Image::read(&frame.bytes).unwrap(), all, &[], Scale::Full).unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn decode_zune(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    each(bencher, &frames(size), |frame| {
        zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(&frame.bytes))
            .decode()
            .unwrap()
    });
}

#[divan::bench(args = SIZES)]
fn yuyv(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let samples = pictures::texture(size.0, size.1);
    let luma = samples.iter().step_by(3);
    let chroma = samples.chunks(6).flat_map(|two| [two[1], two[2]]);
    let bytes = luma.zip(chroma).flat_map(|(&luma, chroma)| [luma, chroma]).collect();
    body(bencher, &[frame(PixelFormat::Yuyv, size, bytes)], &Settings::DEFAULT);
}

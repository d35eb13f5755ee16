//! What each mode costs, at 720p and 1080p: photographs from the folder that `SCALECAM_FRAMES` names, textured
//! pictures where there are none. `picture_beside` sets them beside the same in Python.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a benchmark that cannot run must stop"
)]

#[path = "../tests/pictures/mod.rs"]
mod pictures;

#[path = "picture/frames.rs"]
mod frames;

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use divan::Bencher;
use frames::SIZES;
use scalecam::camera::{Frame, PixelFormat};
use scalecam::jpeg::{self, Image, Rect, Scale};
use scalecam::picture::{Settings, append_base64, prepare};

fn main() {
    divan::main();
}

fn frames(size: (u16, u16)) -> Vec<Arc<Frame>> {
    frames::of(PixelFormat::Jpeg, size)
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
    body(bencher, &frames(size), &settings("mode = \"pass\""));
}

#[divan::bench(args = SIZES)]
fn fit(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"fit\""));
}

/// Mode "pass" that looks for damage inside the picture as well.
#[divan::bench(args = SIZES)]
fn verify(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"pass\"\nverify = true"));
}

/// Mode "crop" with a mask, which is put in without decoding.
#[divan::bench(args = SIZES)]
fn masks(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"crop\"\nmasks = [[100, 100, 200, 200]]"));
}

#[divan::bench(args = SIZES)]
fn walk(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    each(bencher, &frames(size), |frame| Image::read(&frame.bytes).unwrap().bytes().len());
}

#[divan::bench(args = SIZES)]
fn crop(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames(size), &settings("mode = \"crop\""));
}

/// The reduced picture by which the still-scene gate and the warm-up judge.
#[divan::bench(args = [(640, 360), (1280, 720), (1920, 1080)])]
fn still(bencher: Bencher<'_, '_>, size: (u16, u16)) {
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
fn yuyv(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames::of(PixelFormat::Yuyv, size), &settings("mode = \"pass\""));
}

#[divan::bench(args = SIZES)]
fn nv12(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames::of(PixelFormat::Nv12, size), &settings("mode = \"pass\""));
}

#[divan::bench(args = SIZES)]
fn yuyv_fit(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &frames::of(PixelFormat::Yuyv, size), &settings("mode = \"fit\""));
}

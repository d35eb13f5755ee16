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
    Arc::new(Frame { sequence: 1, taken, format, width, height, full_range: false, bytes, warming_up: false })
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

/// Raw frames that show what the photographs show.
fn raw(format: PixelFormat, size: (u16, u16)) -> Vec<Arc<Frame>> {
    let (width, height) = (usize::from(size.0), usize::from(size.1));
    let convert = |file: &Arc<Frame>| {
        let whole = Rect::whole(size.0.into(), size.1.into());
        let decoded = jpeg::decode(&Image::read(&file.bytes).unwrap(), whole, &[], Scale::Full).unwrap();
        let [luma, blue, red] = [0, 1, 2].map(|kind| &decoded.planes[kind]);
        // The photographs have half the chrominance across, and all of it down.
        let chroma = |row| blue.row(row).iter().zip(red.row(row)).take(width / 2).flat_map(|(b, r)| [*b, *r]);
        let mut bytes = Vec::new();
        for row in 0..height as u32 {
            let luma = luma.row(row).iter().take(width).copied();
            match format {
                PixelFormat::Yuyv => {
                    bytes.extend(luma.zip(chroma(row)).flat_map(|(luma, chroma)| [luma, chroma]));
                }
                PixelFormat::Nv12 | PixelFormat::Grey | PixelFormat::Jpeg => bytes.extend(luma),
            }
        }
        if format == PixelFormat::Nv12 {
            bytes.extend((0..height as u32).step_by(2).flat_map(chroma));
        }
        frame(format, size, bytes)
    };
    frames(size).iter().map(convert).collect()
}

#[divan::bench(args = SIZES)]
fn yuyv(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &raw(PixelFormat::Yuyv, size), &settings("mode = \"pass\""));
}

#[divan::bench(args = SIZES)]
fn nv12(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &raw(PixelFormat::Nv12, size), &settings("mode = \"pass\""));
}

#[divan::bench(args = SIZES)]
fn yuyv_fit(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    body(bencher, &raw(PixelFormat::Yuyv, size), &settings("mode = \"fit\""));
}

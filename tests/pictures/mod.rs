//! Pictures for tests: coded here, so that every kind of file is at hand.

#![allow(dead_code, reason = "each test file uses its part")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// What a test picture is to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Chrominance resolution; none for grey.
    pub(crate) factor: Option<SamplingFactor>,
    pub(crate) restart_interval: u16,
    pub(crate) quality: u8,
}

impl Kind {
    pub(crate) const fn new(width: u16, height: u16, factor: Option<SamplingFactor>) -> Self {
        Self { width, height, factor, restart_interval: 0, quality: 85 }
    }

    pub(crate) const fn restarting(self, restart_interval: u16) -> Self {
        Self { restart_interval, ..self }
    }

    fn encoder(self, file: &mut Vec<u8>) -> Encoder<&mut Vec<u8>> {
        let mut encoder = Encoder::new(file, self.quality);
        encoder.set_sampling_factor(self.factor.unwrap_or(SamplingFactor::F_1_1));
        encoder.set_restart_interval(self.restart_interval);
        encoder
    }

    fn finish(self, encoder: Encoder<&mut Vec<u8>>) {
        let samples = texture(self.width, self.height);
        let luma: Vec<u8> = samples.iter().step_by(3).copied().collect();
        match self.factor {
            Some(_) => encoder.encode(&samples, self.width, self.height, ColorType::Ycbcr),
            None => encoder.encode(&luma, self.width, self.height, ColorType::Luma),
        }
        .unwrap();
    }

    /// A baseline file, as a camera would send it.
    pub(crate) fn file(self) -> Vec<u8> {
        let mut file = Vec::new();
        self.finish(self.encoder(&mut file));
        file
    }

    /// A file in several scans.
    pub(crate) fn progressive(self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = self.encoder(&mut file);
        encoder.set_progressive(true);
        self.finish(encoder);
        file
    }

    /// A baseline file with tables of its own, one scan for each component.
    pub(crate) fn optimised(self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = self.encoder(&mut file);
        encoder.set_optimized_huffman_tables(true);
        self.finish(encoder);
        file
    }
}

/// The kinds that cameras send, in small; with edges that end inside a coding unit.
pub(crate) fn camera_kinds() -> Vec<Kind> {
    let factors =
        [Some(SamplingFactor::F_2_1), Some(SamplingFactor::F_2_2), Some(SamplingFactor::F_1_1), None];
    let sizes = [(96, 64), (90, 61)];
    let whole =
        factors.into_iter().flat_map(|factor| sizes.map(|(width, height)| Kind::new(width, height, factor)));
    whole.flat_map(|kind| [kind, kind.restarting(4), kind.restarting(7)]).collect()
}

/// Interleaved YCbCr samples with smooth parts, edges and noise, so that codes of all lengths occur.
pub(crate) fn texture(width: u16, height: u16) -> Vec<u8> {
    let mut noise = 0x2545_F491_u32;
    let mut samples = Vec::new();
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let busy = (x / 24 + y / 16) % 3;
            let grain = [noise % 9, noise % 120, 0][busy as usize];
            let shade = (x * 3 + y * 2) % 160 + if (x / 13) % 2 == 0 { 40 } else { 0 };
            samples.push((shade + grain).min(255) as u8);
            samples.push((90 + (x * 2 + grain / 3) % 80) as u8);
            samples.push((80 + (y * 3 + grain / 2) % 90) as u8);
        }
    }
    samples
}

/// The samples of a file, interleaved YCbCr or grey.
pub(crate) fn samples(file: &[u8]) -> (u32, u32, Vec<u8>) {
    use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(file));
    decoder.decode_headers().unwrap();
    let grey = decoder.info().unwrap().components == 1;
    let space = if grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
    decoder.set_options(DecoderOptions::default().jpeg_set_out_colorspace(space));
    let samples = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    (width as u32, height as u32, samples)
}

/// Where the segments with that marker stand, their markers included.
pub(crate) fn segments(file: &[u8], marker: u8) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 2);
    while file[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        if file[at + 1] == marker {
            found.push(at..end);
        }
        at = end;
    }
    found
}

/// The file without its Huffman tables, as USB cameras send it.
pub(crate) fn without_tables(file: &[u8]) -> Vec<u8> {
    let mut bare = file.to_vec();
    for segment in segments(file, 0xC4).into_iter().rev() {
        bare.drain(segment);
    }
    bare
}

/// The photographs of the folder that `SCALECAM_FRAMES` names; none where it is not set.
pub(crate) fn photographs() -> Vec<Vec<u8>> {
    let Some(folder) = std::env::var_os("SCALECAM_FRAMES") else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "jpg"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

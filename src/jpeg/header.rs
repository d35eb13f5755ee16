//! The frame header: size, coding and components (T.81, B.2.2).

use super::segments::{append, marker};

/// How the picture is coded, by its frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Sequential, Huffman, 8 bits: what cameras send.
    Baseline,
    /// Sequential, Huffman, more tables or 12 bits.
    Extended,
    /// Progressive, Huffman.
    Progressive,
    /// Lossless, hierarchical or arithmetic.
    Other,
}

/// One colour component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// The name by which scans refer to it.
    pub id: u8,
    /// Blocks of it across one coding unit, 1 to 4.
    pub across: u8,
    /// Blocks of it down one coding unit, 1 to 4.
    pub down: u8,
    /// Which quantisation table it uses, 0 to 3.
    pub quantisation: u8,
}

/// What the frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Pixels across, never zero.
    pub width: u16,
    /// Pixels down, never zero.
    pub height: u16,
    /// How it is coded.
    pub coding: Coding,
    /// Bits a sample: 8, or 12.
    pub precision: u8,
    all: [Component; 4],
    count: u8,
}

impl Header {
    /// The colour components, one to four.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        self.all.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// Blocks across and down the largest component of one coding unit (MCU): times 8, its size in pixels.
    #[must_use]
    pub fn unit_blocks(&self) -> (u8, u8) {
        match self.components() {
            // A picture of one component is coded block by block, whatever its factors (A.2.2).
            [] | [_] => (1, 1),
            several => several.iter().fold((1, 1), |(across, down), component| {
                (across.max(component.across), down.max(component.down))
            }),
        }
    }

    /// The header of a picture of 8 bits with at most four components.
    pub(super) fn new(coding: Coding, (width, height): (u16, u16), components: &[Component]) -> Self {
        let mut all = [Component::default(); 4];
        let mut count = 0;
        for (place, component) in all.iter_mut().zip(components) {
            *place = *component;
            count += 1;
        }
        Self { width, height, coding, precision: 8, all, count }
    }

    pub(super) fn read(coding: Coding, payload: &[u8]) -> Option<Self> {
        let (&[precision, h1, h0, w1, w0, count], specifications) = payload.split_first_chunk()?;
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        let mut all = [Component::default(); 4];
        // A height of zero would come behind the first scan (DNL): no camera does that, and it hides bombs.
        if width == 0 || height == 0 || count == 0 || specifications.len() != 3 * usize::from(count) {
            return None;
        }
        for (component, specification) in
            all.get_mut(..usize::from(count))?.iter_mut().zip(specifications.chunks(3))
        {
            let &[id, factors, quantisation] = specification else { return None };
            *component = Component { id, across: factors >> 4, down: factors & 15, quantisation };
            if !(1..=4).contains(&component.across) || !(1..=4).contains(&component.down) || quantisation > 3
            {
                return None;
            }
        }
        Some(Self { width, height, coding, precision, all, count })
    }

    /// Writes the frame header of a part of the picture.
    pub(super) fn write(&self, file: &mut Vec<u8>, width: u16, height: u16) {
        let marker = if self.coding == Coding::Baseline { marker::SOF0 } else { marker::SOF1 };
        let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
        let components = self.components().iter().flat_map(|component| {
            [component.id, component.across << 4 | component.down, component.quantisation]
        });
        let components: Vec<u8> = components.collect();
        append(file, marker, &[&[self.precision, h1, h0, w1, w0, self.count], &components]);
    }
}

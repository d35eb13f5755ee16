//! One colour component's samples.

/// A plane of samples, row by row without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The samples, 0 to 255.
    pub samples: Vec<u8>,
}

impl Plane {
    /// A plane of one value: 128 is middle grey in luminance, no colour in chrominance.
    #[must_use]
    pub fn even(width: u32, height: u32, value: u8) -> Self {
        Self { width, height, samples: vec![value; length(width) * length(height)] }
    }

    /// A row; a plane that is too short has empty ones.
    #[must_use]
    pub fn row(&self, y: u32) -> &[u8] {
        let start = length(y) * length(self.width);
        self.samples.get(start..start + length(self.width)).unwrap_or_default()
    }

    /// A row, to be changed.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        let start = length(y) * length(self.width);
        self.samples.get_mut(start..start + length(self.width)).unwrap_or_default()
    }
}

/// A length in memory. Pictures are smaller than the address space of every machine this runs on.
pub(crate) fn length(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

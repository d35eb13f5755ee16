//! A rectangle of pixels.

/// A rectangle of pixels, counted from the picture's upper left corner. Its far edges never overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Pixels from the left edge.
    pub left: u32,
    /// Pixels from the upper edge.
    pub top: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Rect {
    /// A whole picture of that size.
    #[must_use]
    pub const fn whole(width: u32, height: u32) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// The first column to the right of it.
    #[must_use]
    pub const fn right(self) -> u32 {
        self.left.saturating_add(self.width)
    }

    /// The first row below it.
    #[must_use]
    pub const fn bottom(self) -> u32 {
        self.top.saturating_add(self.height)
    }

    /// Whether it holds no pixel.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Whether every pixel of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// The pixels that are in both; empty if there are none.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        let (left, top) = (self.left.max(other.left), self.top.max(other.top));
        Self {
            left,
            top,
            width: self.right().min(other.right()).saturating_sub(left),
            height: self.bottom().min(other.bottom()).saturating_sub(top),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rectangles_share() {
        let rect = |left, top, width, height| Rect { left, top, width, height };
        assert_eq!(rect(0, 0, 10, 10).common(rect(5, 6, 10, 10)), rect(5, 6, 5, 4));
        assert!(rect(0, 0, 10, 10).common(rect(10, 0, 5, 5)).is_empty());
        assert!(rect(0, 0, 10, 10).contains(rect(5, 5, 5, 5)));
        assert!(!rect(0, 0, 10, 10).contains(rect(5, 5, 6, 5)));
        assert!(!rect(1, 0, 9, 10).contains(rect(0, 0, 1, 1)));
        assert_eq!(rect(u32::MAX, 0, 2, 1).right(), u32::MAX);
    }
}

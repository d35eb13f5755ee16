//! The way through a scan, unit by unit: which are wanted, where it begins anew, and whether it ends well.

use super::bits::Reader;
use super::blocks::dc_difference;
use super::huffman::{Class, Lookup};
use super::scan::{Channel, Scan};
use super::{Damage, Rect};

/// What becomes of a coding unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Dropped,
    Greyed,
    Kept,
}

/// Which units are kept, and which of those are greyed out; counted in units.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) kept: Rect,
    masks: Vec<Rect>,
}

impl Selection {
    /// The units that an area of pixels touches, and those that masks touch.
    pub(super) fn new(scan: &Scan<'_>, area: Rect, masks: &[Rect]) -> Self {
        let kept = on_grid(scan, area);
        Self { kept, masks: masks.iter().map(|&mask| on_grid(scan, mask)).collect() }
    }

    fn fate(&self, column: u32, row: u32) -> Fate {
        let unit = Rect { left: column, top: row, width: 1, height: 1 };
        if !self.kept.contains(unit) {
            Fate::Dropped
        } else if self.masks.iter().any(|mask| mask.contains(unit)) {
            Fate::Greyed
        } else {
            Fate::Kept
        }
    }
}

fn on_grid(scan: &Scan<'_>, area: Rect) -> Rect {
    let (across, down) = scan.unit();
    let (left, top) = (area.left / across, area.top / down);
    let length = |far: u32, unit: u32, near: u32| far.div_ceil(unit).saturating_sub(near);
    if area.is_empty() {
        return Rect::whole(0, 0);
    }
    Rect { left, top, width: length(area.right(), across, left), height: length(area.bottom(), down, top) }
}

/// Where a unit stands, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) column: u32,
    pub(super) row: u32,
    pub(super) fate: Fate,
}

/// Someone who is led through a scan.
pub(super) trait Visitor {
    /// The next unit begins anew, as the first one does.
    fn restart(&mut self);

    /// Reads one unit; nothing if its data cannot be a unit's.
    fn unit(&mut self, reader: &mut Reader<'_>, unit: Unit) -> Option<()>;
}

/// Leads a visitor through the whole scan, whatever is wanted of it, so that damage anywhere is found.
pub(super) fn lead(scan: &Scan<'_>, selection: &Selection, visitor: &mut impl Visitor) -> Result<(), Damage> {
    let (columns, rows) = scan.units();
    let corrupt = |unit| Damage::Corrupt { unit, units: columns * rows };
    let mut course = Course::new(scan);
    for row in 0..rows {
        for column in 0..columns {
            let unit = Unit { column, row, fate: selection.fate(column, row) };
            course.visit(visitor, unit).ok_or(corrupt(row * columns + column + 1))?;
        }
        // Behind the data's end come zeros without end: they need not be read through to the last row.
        if course.reader.is_overrun() {
            return Err(corrupt((row + 1) * columns));
        }
    }
    course.reader.finish().map(|_| ()).ok_or(corrupt(columns * rows))
}

struct Course<'a> {
    reader: Reader<'a>,
    interval: u32,
    /// Units up to the next restart marker; never used up without an interval.
    left: u32,
}

impl<'a> Course<'a> {
    fn new(scan: &Scan<'a>) -> Self {
        let interval = match scan.restart_interval {
            0 => u32::MAX,
            interval => u32::from(interval),
        };
        Self { reader: Reader::new(scan.data), interval, left: interval }
    }

    #[inline]
    fn visit(&mut self, visitor: &mut impl Visitor, unit: Unit) -> Option<()> {
        if self.left == 0 {
            self.restart()?;
            visitor.restart();
        }
        self.left -= 1;
        visitor.unit(&mut self.reader, unit)
    }

    /// Goes on behind a restart marker; nothing if the data before it are not exactly those of its units.
    fn restart(&mut self) -> Option<()> {
        let rest = self.reader.finish()?;
        // The walk has been here before: this is the restart marker whose turn it is.
        let filling = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        self.reader = Reader::new(rest.get(filling + 1..)?);
        self.left = self.interval;
        Some(())
    }
}

/// One component on its way through the scan.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) channel: Channel,
    pub(super) ac: Lookup,
    dc: Lookup,
    /// The DC coefficient of the last block.
    last: i32,
    /// The largest DC coefficient that 8-bit samples can have.
    most: i32,
}

impl Track {
    pub(super) fn new(scan: &Scan<'_>, channel: Channel) -> Option<Self> {
        let (dc, ac) = scan.tables(&channel)?;
        let (dc, ac) = (Lookup::new(Class::Dc, dc), Lookup::new(Class::Ac, ac));
        let [step, ..] = scan.steps(channel.quantisation)?;
        // Samples are -128 to 127 and a DC coefficient is 8 times their mean (A.3.3), rounded to a step.
        let most = 1024 / i32::from(step.max(1)) + 1;
        Some(Self { channel, ac, dc, last: 0, most })
    }

    /// Begins anew.
    pub(super) const fn restart(&mut self) {
        self.last = 0;
    }

    /// Reads the next block's DC coefficient.
    #[inline]
    pub(super) fn dc(&mut self, reader: &mut Reader<'_>) -> Option<i32> {
        self.last += dc_difference(reader, &self.dc)?;
        (self.last.abs() <= self.most).then_some(self.last)
    }
}

//! Which of a camera's modes is taken. Pure.

use std::cmp::Ordering;
use std::fmt;

use crate::camera::PixelFormat;
use crate::kernel::video::{Entry, FourCc, Interval};

/// What is wanted of the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fps: u32,
}

impl Wish {
    /// The time between frames that is wanted.
    pub(super) fn interval(self) -> Interval {
        Interval { numerator: 1, denominator: self.fps }
    }
}

/// The formats that are taken, the best first: a JPEG goes to the service as it is and needs a tenth of the
/// bandwidth, grey has no colours to tell fruit by.
const FORMATS: [(FourCc, PixelFormat); 5] = [
    (FourCc(*b"MJPG"), PixelFormat::Jpeg),
    (FourCc(*b"JPEG"), PixelFormat::Jpeg),
    (FourCc(*b"YUYV"), PixelFormat::Yuyv),
    (FourCc(*b"NV12"), PixelFormat::Nv12),
    (FourCc(*b"GREY"), PixelFormat::Grey),
];

/// The format of a code, if it is one that is taken.
pub(super) fn known(code: FourCc) -> Option<PixelFormat> {
    FORMATS.iter().find(|(format, _)| *format == code).map(|(_, pixels)| *pixels)
}

/// The best of the formats that a camera has; none when it has only others.
pub(super) fn best_format(offered: &[FourCc]) -> Option<FourCc> {
    FORMATS.iter().map(|(format, _)| *format).find(|format| offered.contains(format))
}

/// The smallest size that holds the wanted one, else the largest; none when the camera lists no sizes.
pub(super) fn best_size(offered: &[Entry<(u32, u32)>], wish: Wish) -> Option<(u32, u32)> {
    let holds = |(width, height): (u32, u32)| width >= wish.width && height >= wish.height;
    let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let nearest = offered.iter().map(|entry| match *entry {
        Entry::One(size) => size,
        Entry::Range((least_w, least_h), (most_w, most_h), (step_w, step_h)) => {
            (step_up(wish.width, least_w, most_w, step_w), step_up(wish.height, least_h, most_h, step_h))
        }
    });
    nearest.filter(|size| area(*size) > 0).min_by(|&one, &other| match (holds(one), holds(other)) {
        (true, true) => area(one).cmp(&area(other)),
        (false, false) => area(other).cmp(&area(one)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

/// The first number of the row `least`, `least + step`, … that reaches `wanted`, but none beyond `most`.
fn step_up(wanted: u32, least: u32, most: u32, step: u32) -> u32 {
    let step = step.max(1);
    let steps = wanted.saturating_sub(least).div_ceil(step);
    let whole = most.saturating_sub(least) / step;
    least.saturating_add(steps.min(whole).saturating_mul(step))
}

/// The slowest rate that reaches the wanted one, else the fastest; none when the camera lists no intervals.
pub(super) fn best_interval(offered: &[Entry<Interval>], wish: Wish) -> Option<Interval> {
    let wanted = wish.interval();
    let fast_enough = |interval: Interval| longer(interval, wanted) != Ordering::Greater;
    let nearest = offered.iter().map(|entry| match *entry {
        Entry::One(interval) => interval,
        Entry::Range(shortest, _, _) if longer(wanted, shortest) == Ordering::Less => shortest,
        Entry::Range(_, longest, _) if longer(wanted, longest) == Ordering::Greater => longest,
        Entry::Range(..) => wanted,
    });
    let sound = nearest.filter(|interval| interval.numerator > 0 && interval.denominator > 0);
    sound.min_by(|&one, &other| match (fast_enough(one), fast_enough(other)) {
        (true, true) => longer(other, one),
        (false, false) => longer(one, other),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

/// Compares two intervals by their length.
fn longer(one: Interval, other: Interval) -> Ordering {
    let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
    product(one.numerator, other.denominator).cmp(&product(other.numerator, one.denominator))
}

/// A mode that was settled with the driver, and why it is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) format: FourCc,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) interval: Option<Interval>,
}

impl Mode {
    /// Frames a second, rounded; the wanted rate when the driver does not tell.
    pub(super) fn fps(&self, wish: Wish) -> u32 {
        let Some(Interval { numerator, denominator }) = self.interval else { return wish.fps };
        denominator.saturating_add(numerator / 2).checked_div(numerator).unwrap_or(wish.fps).max(1)
    }

    /// Why this mode and not exactly the wanted one; none when it is the wanted one.
    pub(super) fn reason(&self, wish: Wish) -> String {
        let mut reasons = Vec::new();
        if known(self.format) != Some(PixelFormat::Jpeg) {
            reasons.push("the camera has no MJPG".to_owned());
        }
        if (self.width, self.height) != (wish.width, wish.height) {
            let holds = self.width >= wish.width && self.height >= wish.height;
            let which = if holds { "the smallest that holds" } else { "the largest, though smaller than" };
            reasons.push(format!("its size is {which} the wanted {}x{}", wish.width, wish.height));
        }
        if self.interval.is_some_and(|interval| longer(interval, wish.interval()) != Ordering::Equal) {
            reasons.push(format!("its rate is the nearest to the wanted {} frames a second", wish.fps));
        }
        if reasons.is_empty() { "exactly as wanted".to_owned() } else { reasons.join(", ") }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.format, self.width, self.height)?;
        match self.interval {
            Some(Interval { numerator: 1, denominator }) => write!(f, " at {denominator} frames a second"),
            Some(Interval { numerator, denominator }) => {
                write!(f, " at {denominator} frames in {numerator} seconds")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish { width: 640, height: 360, fps: 30 };

    fn every(numerator: u32, denominator: u32) -> Interval {
        Interval { numerator, denominator }
    }

    #[test]
    fn jpeg_comes_first_and_unknown_formats_never() {
        let codes = |names: &[&[u8; 4]]| names.iter().map(|name| FourCc(**name)).collect::<Vec<_>>();
        assert_eq!(best_format(&codes(&[b"YUYV", b"H264", b"MJPG"])), Some(FourCc(*b"MJPG")));
        assert_eq!(best_format(&codes(&[b"GREY", b"NV12", b"YUYV"])), Some(FourCc(*b"YUYV")));
        assert_eq!(best_format(&codes(&[b"H264", b"UYVY"])), None);
    }

    #[test]
    fn the_smallest_size_that_holds_the_wanted_one_is_taken() {
        let sizes = |sizes: &[(u32, u32)]| sizes.iter().map(|size| Entry::One(*size)).collect::<Vec<_>>();
        let best = |offered: &[(u32, u32)]| best_size(&sizes(offered), WISH);
        assert_eq!(best(&[(1280, 720), (640, 360), (640, 480)]), Some((640, 360)));
        assert_eq!(best(&[(1280, 720), (320, 240), (640, 480)]), Some((640, 480)));
        assert_eq!(best(&[(160, 120), (639, 360), (320, 240)]), Some((639, 360)));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn ranges_of_sizes_are_stepped_through() {
        let range = |step| [Entry::Range((48, 32), (1600, 1200), step)];
        assert_eq!(best_size(&range((1, 1)), WISH), Some((640, 360)));
        assert_eq!(best_size(&range((32, 100)), WISH), Some((656, 432)));
        let small = [Entry::Range((16, 16), (320, 200), (7, 7))];
        assert_eq!(best_size(&small, WISH), Some((317, 198)));
        assert_eq!(best_size(&[Entry::Range((16, 16), (0, 0), (0, 0))], WISH), Some((16, 16)));
    }

    #[test]
    fn the_slowest_interval_that_is_fast_enough_is_taken_odd_ones_too() {
        let ones = |all: &[Interval]| all.iter().map(|one| Entry::One(*one)).collect::<Vec<_>>();
        let best = |offered: &[Interval]| best_interval(&ones(offered), WISH);
        assert_eq!(best(&[every(1, 60), every(1, 30), every(2, 15)]), Some(every(1, 30)));
        assert_eq!(best(&[every(1, 60), every(1, 25)]), Some(every(1, 60)));
        assert_eq!(best(&[every(2, 15), every(1, 5)]), Some(every(2, 15)));
        assert_eq!(best(&[every(333_333, 10_000_000)]), Some(every(333_333, 10_000_000)));
        assert_eq!(best(&[every(0, 0)]), None);
        let range = |shortest, longest| best_interval(&[Entry::Range(shortest, longest, every(1, 1))], WISH);
        assert_eq!(range(every(1, 60), every(1, 1)), Some(every(1, 30)));
        assert_eq!(range(every(1, 20), every(1, 1)), Some(every(1, 20)));
        assert_eq!(range(every(1, 120), every(1, 60)), Some(every(1, 60)));
    }

    #[test]
    fn the_choice_and_its_reason_are_told() {
        let mode = |format: &[u8; 4], width, height, interval| Mode {
            format: FourCc(*format),
            width,
            height,
            interval: Some(interval),
        };
        let exact = mode(b"MJPG", 640, 360, every(1, 30));
        assert_eq!(
            (exact.to_string().as_str(), exact.reason(WISH).as_str()),
            ("MJPG 640x360 at 30 frames a second", "exactly as wanted")
        );
        let odd = mode(b"YUYV", 320, 240, every(2, 15));
        assert_eq!(odd.to_string(), "YUYV 320x240 at 15 frames in 2 seconds");
        assert_eq!(
            odd.reason(WISH),
            "the camera has no MJPG, its size is the largest, though smaller than the wanted 640x360, \
             its rate is the nearest to the wanted 30 frames a second"
        );
        assert_eq!(odd.fps(WISH), 8);
    }
}

//! The order of frames by the driver's sequence numbers. Pure.

use crate::stamp::Stamp;

/// Where a frame stands among those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Newer than all before; the camera started this many frames since, this one included.
    Newer(u32),
    /// Older than one that came before it.
    Late,
}

/// The newest frame of a stream so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    newest: Option<(u32, Stamp)>,
    /// Frames that were started and have not come out, since this was last asked.
    missing: i64,
}

/// Buffers come out of order by one or two under load. A number that is further back means that the driver
/// has begun to count anew.
const LATEST: u32 = 32;

impl Order {
    /// Places the next buffer that came out of the driver.
    pub(super) fn place(&mut self, sequence: u32, taken: Stamp) -> Place {
        let place = match self.newest {
            None => Place::Newer(1),
            Some((newest, stamp)) => {
                let (ahead, behind) = (sequence.wrapping_sub(newest), newest.wrapping_sub(sequence));
                match ahead {
                    // Some drivers do not count; then the stamps tell.
                    0 if taken > stamp => Place::Newer(1),
                    0 => Place::Late,
                    1..=0x7FFF_FFFF => {
                        self.missing += i64::from(ahead) - 1;
                        Place::Newer(ahead)
                    }
                    _ if behind <= LATEST => {
                        self.missing -= 1;
                        Place::Late
                    }
                    _ => Place::Newer(1),
                }
            }
        };
        if let Place::Newer(_) = place {
            self.newest = Some((sequence, taken));
        }
        place
    }

    /// How many more frames are missing than when this was last asked; less than none when late ones came.
    pub(super) fn missing(&mut self) -> i64 {
        std::mem::take(&mut self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(sequences: &[u32]) -> (Vec<Place>, i64) {
        let mut order = Order::default();
        let place = |(at, sequence): (u64, &u32)| order.place(*sequence, Stamp::from_millis(at));
        let places = (1..).zip(sequences).map(place).collect();
        (places, order.missing())
    }

    #[test]
    fn gaps_are_missing_frames_until_they_come_late() {
        use Place::{Late, Newer};
        assert_eq!(places(&[7, 8, 11]), (vec![Newer(1), Newer(1), Newer(3)], 2));
        assert_eq!(places(&[75, 77, 76, 78]), (vec![Newer(1), Newer(2), Late, Newer(1)], 0));
    }

    #[test]
    fn counters_that_wrap_stand_still_or_begin_anew_do_not_stop_the_frames() {
        use Place::Newer;
        assert_eq!(places(&[u32::MAX, 0, 1]), (vec![Newer(1); 3], 0));
        assert_eq!(places(&[0, 0, 0]), (vec![Newer(1); 3], 0));
        assert_eq!(places(&[5_000, 0, 1]), (vec![Newer(1); 3], 0));
    }
}

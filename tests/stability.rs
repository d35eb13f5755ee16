//! Settling, from the outside: readings in, weighings out. Every limit from both sides.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::time::Duration;

use proptest::prelude::*;
use scalecam::scale::{Range, Reading, Stability};
use scalecam::stability::{Detector, Load, Moved, Phase, Rules, Settled};
use scalecam::stamp::Stamp;
use scalecam::weight::{Division, Quantity, Unit, Weight};

use Stability::{Moving, Stable, Unknown};

/// Five-gram divisions, 20 g at least: a usual produce scale.
fn rules(settle_ms: u64) -> Rules {
    Rules {
        division: Division::from_micrograms(5_000_000),
        min_load: Some(Weight::from_grams(20)),
        settle: Duration::from_millis(settle_ms),
        settle_unflagged: Duration::from_millis(800),
    }
}

fn grams(grams: i64, stability: Stability) -> Reading {
    Reading::of(Quantity::new(grams < 0, grams.unsigned_abs(), 0, Unit::Gram), stability)
}

/// Plays `(milliseconds, grams, stability)` and gives the moments and weights that fired.
fn play(detector: &mut Detector, readings: &[(u64, i64, Stability)]) -> Vec<(u64, i64)> {
    let mut fired = Vec::new();
    for &(ms, weight, stability) in readings {
        if let (_, Some(settled)) = detector.hear(&grams(weight, stability), Stamp::from_millis(ms)) {
            fired.push((ms, settled.quantity().weight().micrograms() / 1_000_000));
        }
    }
    fired
}

fn fresh(settle_ms: u64, readings: &[(u64, i64, Stability)]) -> Vec<(u64, i64)> {
    play(&mut Detector::new(rules(settle_ms)), readings)
}

#[test]
fn the_scales_own_word_settles_at_once() {
    assert_eq!(fresh(0, &[(0, 0, Stable), (100, 80, Moving), (200, 120, Stable)]), [(200, 120)]);
    assert_eq!(fresh(0, &[(0, 0, Stable), (100, 120, Moving), (200, 120, Moving)]), []);
}

#[test]
fn an_item_on_the_plate_at_start_fires_once() {
    assert_eq!(fresh(0, &[(0, 500, Stable), (100, 500, Stable), (3_000, 500, Stable)]), [(0, 500)]);
}

#[test]
fn the_extra_hold_is_timed_to_the_millisecond() {
    assert_eq!(fresh(500, &[(0, 120, Stable), (500, 120, Stable)]), [(500, 120)]);
    assert_eq!(fresh(500, &[(0, 120, Stable), (499, 120, Stable)]), []);
}

#[test]
fn without_the_scales_word_800_ms_and_three_readings_are_needed() {
    assert_eq!(fresh(0, &[(0, 120, Unknown), (400, 120, Unknown), (800, 120, Unknown)]), [(800, 120)]);
    assert_eq!(fresh(0, &[(0, 120, Unknown), (400, 120, Unknown), (799, 120, Unknown)]), []);
    let mut sparse = rules(0);
    sparse.settle_unflagged = Duration::from_millis(500);
    let mut detector = Detector::new(sparse);
    assert_eq!(play(&mut detector, &[(0, 120, Unknown), (500, 120, Unknown)]), []);
    assert_eq!(play(&mut detector, &[(501, 120, Unknown)]), [(501, 120)]);
}

#[test]
fn a_hold_spans_one_division_and_no_more() {
    assert_eq!(fresh(500, &[(0, 120, Stable), (250, 125, Stable), (500, 120, Stable)]), [(500, 120)]);
    assert_eq!(fresh(500, &[(0, 120, Stable), (250, 126, Stable), (500, 126, Stable)]), []);
    // A slow drift never comes to rest, however small its steps.
    let drift: Vec<_> =
        (0..20).map(|step| (step * 100, 100 + i64::try_from(step).unwrap() * 3, Stable)).collect();
    assert_eq!(fresh(500, &drift), []);
}

#[test]
fn the_least_load_counts_from_both_sides() {
    assert_eq!(fresh(0, &[(0, 20, Stable)]), []);
    assert_eq!(fresh(0, &[(0, 21, Stable)]), [(0, 21)]);
    let unset = Rules { min_load: None, ..rules(0) };
    // Ten divisions of 5 g are more than 20 g.
    assert_eq!(play(&mut Detector::new(unset), &[(0, 50, Stable)]), []);
    assert_eq!(play(&mut Detector::new(unset), &[(0, 51, Stable)]), [(0, 51)]);
}

#[test]
fn the_same_weight_fires_again_only_after_an_empty_plate() {
    let first = [(0, 500, Stable), (500, 500, Stable)];
    let emptied = [(1_000, 0, Stable), (1_300, 0, Stable), (1_700, 500, Stable)];
    let too_short = [(1_000, 0, Stable), (1_299, 0, Stable), (1_700, 500, Stable)];
    assert_eq!(fresh(0, &[&first[..], &emptied].concat()), [(0, 500), (1_700, 500)]);
    assert_eq!(fresh(0, &[&first[..], &too_short].concat()), [(0, 500)]);
}

#[test]
fn lifting_and_putting_back_is_the_same_placement() {
    let lifted =
        [(0, 500, Stable), (600, 200, Moving), (700, 350, Moving), (800, 500, Stable), (900, 500, Stable)];
    assert_eq!(fresh(0, &lifted), [(0, 500)]);
}

#[test]
fn a_change_beyond_five_divisions_or_two_percent_is_a_new_placement() {
    assert_eq!(fresh(0, &[(0, 500, Stable), (600, 525, Stable)]), [(0, 500)]);
    assert_eq!(fresh(0, &[(0, 500, Stable), (600, 526, Stable)]), [(0, 500), (600, 526)]);
    assert_eq!(fresh(0, &[(0, 5_000, Stable), (600, 5_100, Stable)]), [(0, 5_000)]);
    assert_eq!(fresh(0, &[(0, 5_000, Stable), (600, 5_101, Stable)]), [(0, 5_000), (600, 5_101)]);
    assert_eq!(fresh(0, &[(0, 5_000, Stable), (600, 4_899, Stable)]), [(0, 5_000), (600, 4_899)]);
}

#[test]
fn two_weighings_are_at_least_half_a_second_apart() {
    assert_eq!(fresh(0, &[(0, 100, Stable), (499, 300, Stable)]), [(0, 100)]);
    assert_eq!(fresh(0, &[(0, 100, Stable), (499, 300, Stable), (500, 300, Stable)]), [(0, 100), (500, 300)]);
}

#[test]
fn a_silence_longer_than_600_ms_ends_a_hold() {
    assert_eq!(fresh(600, &[(0, 120, Stable), (600, 120, Stable)]), [(600, 120)]);
    assert_eq!(fresh(601, &[(0, 120, Stable), (601, 120, Stable)]), []);
}

#[test]
fn over_under_fault_garbage_and_silence_cancel_a_hold_and_never_rearm() {
    let outside = Reading::outside(Range::Over);
    let under = Reading::outside(Range::Under);
    let fault = Reading::faulty("error");
    for spoiler in [Some(outside), Some(under), Some(fault), None] {
        let mut detector = Detector::new(rules(500));
        let at = Stamp::from_millis;
        let heard = |detector: &mut Detector, ms| match &spoiler {
            Some(reading) => detector.hear(reading, at(ms)).1,
            None => detector.take(Load::Garbled, at(ms)),
        };
        play(&mut detector, &[(0, 120, Stable), (250, 120, Stable)]);
        assert_eq!(heard(&mut detector, 300), None);
        assert_eq!(detector.phase(), Phase::Loading);
        assert_eq!(play(&mut detector, &[(400, 120, Stable), (700, 120, Stable)]), []);
        assert_eq!(play(&mut detector, &[(900, 120, Stable)]), [(900, 120)]);
        for ms in [1_000, 1_300, 1_600] {
            heard(&mut detector, ms);
        }
        assert_eq!(detector.phase(), Phase::Fired);
        assert_eq!(play(&mut detector, &[(1_700, 120, Stable), (2_300, 120, Stable)]), []);
    }
}

#[test]
fn a_weight_that_the_scale_withholds_is_no_weight() {
    let mut detector = Detector::new(rules(0));
    let moving = Reading::without_weight(Moving);
    assert_eq!(detector.hear(&moving, Stamp::from_millis(0)).1, None);
    assert_eq!(detector.phase(), Phase::Loading);
    let (_, settled) = detector.hear(&grams(500, Stable), Stamp::from_millis(150));
    assert_eq!(settled.map(|settled: Settled| settled.took()), Some(Duration::from_millis(150)));
}

#[test]
fn the_centre_of_zero_flag_empties_the_plate_without_a_number() {
    let mut zero = Reading::without_weight(Stable);
    zero.zero = Some(true);
    let mut detector = Detector::new(rules(0));
    play(&mut detector, &[(0, 500, Stable)]);
    for ms in [600, 900] {
        detector.hear(&zero, Stamp::from_millis(ms));
    }
    assert_eq!(detector.phase(), Phase::Empty);
}

#[test]
fn a_lifted_tare_container_is_an_empty_plate() {
    let lifted = [(0, 500, Stable), (600, -40, Stable), (900, -40, Stable), (1_200, 500, Stable)];
    assert_eq!(fresh(0, &lifted), [(0, 500), (1_200, 500)]);
}

#[test]
fn the_division_is_learned_where_the_settings_do_not_say() {
    let mut detector = Detector::new(Rules { division: None, ..rules(0) });
    let show = |detector: &mut Detector, text: &str, ms| {
        let quantity = Quantity::parse(text.as_bytes(), Unit::Kilogram).unwrap();
        detector.hear(&Reading::of(quantity, Moving), Stamp::from_millis(ms));
        detector.division().micrograms() / 1_000_000
    };
    assert_eq!(show(&mut detector, "0.000", 0), 5);
    assert_eq!(show(&mut detector, "1.235", 100), 5);
    assert_eq!(show(&mut detector, "1.232", 200), 2);
    assert_eq!(show(&mut detector, "1.231", 300), 1);
    assert_eq!(show(&mut detector, "1.230", 400), 1);
}

#[test]
fn movement_after_settling_is_told_apart() {
    let mut detector = Detector::new(rules(0));
    play(&mut detector, &[(0, 1_000, Stable)]);
    let settled = Weight::from_grams(1_000);
    let mut compare = |reading: &Reading| {
        let (load, _) = detector.hear(reading, Stamp::from_millis(50));
        detector.yardstick(settled).compare(load).unwrap()
    };
    assert_eq!(compare(&grams(1_005, Stable)), Moved::No);
    assert_eq!(compare(&grams(1_006, Stable)), Moved::Aside);
    assert_eq!(compare(&Reading::without_weight(Moving)), Moved::Aside);
    assert_eq!(compare(&grams(1_025, Moving)), Moved::Aside);
    assert_eq!(compare(&grams(1_026, Moving)), Moved::Away);
    assert_eq!(compare(&grams(0, Stable)), Moved::Away);
}

#[test]
fn goods_that_left_before_their_picture_may_settle_once_more() {
    let mut detector = Detector::new(rules(0));
    assert_eq!(play(&mut detector, &[(0, 500, Stable)]), [(0, 500)]);
    detector.undo(Stamp::from_millis(30));
    assert_eq!(
        play(&mut detector, &[(100, 500, Stable), (600, 500, Stable), (900, 500, Stable)]),
        [(600, 500)]
    );
}

/// A day at the scale: plateaus of random weights with noise on the way, an empty plate between some.
fn plateaus() -> impl Strategy<Value = Vec<(i64, u64, bool)>> {
    proptest::collection::vec((30_i64..6_000, 1_000_u64..3_000, any::<bool>()), 1..12)
}

proptest! {
    /// Every plateau that differs enough, or that follows an empty plate, fires exactly once, with its weight.
    #[test]
    fn exactly_one_weighing_for_each_placement(day in plateaus(), step in 20_u64..150, jitter in 0_i64..=1) {
        let mut detector = Detector::new(rules(0));
        let (mut ms, mut expected, mut fired) = (0, Vec::new(), Vec::new());
        let mut last: Option<i64> = None;
        for (weight, lasts, empties) in day {
            let weight = weight / 5 * 5;
            let delta = last.map_or(0, |last| 25.max(last / 50));
            if weight > 20 && last.is_none_or(|last| (last - weight).abs() > delta + 5) {
                expected.push(weight);
                last = Some(weight);
            } else if last.is_none_or(|last| (last - weight).abs() >= delta - 5) {
                continue; // too near the limit to call with jitter
            }
            let rest = [(ms, weight / 2, Moving), (ms + step, weight + 200, Moving)];
            fired.extend(play(&mut detector, &rest));
            let end = ms + lasts;
            ms += 2 * step;
            while ms < end {
                let shown = weight + jitter * 5 * i64::from(ms % 2 == 1);
                fired.extend(play(&mut detector, &[(ms, shown, Stable)]));
                ms += step;
            }
            if empties {
                for _ in 0..=(300 / step + 1) {
                    fired.extend(play(&mut detector, &[(ms, 0, Stable)]));
                    ms += step;
                }
                last = None;
            }
        }
        let weights: Vec<_> = fired.iter().map(|&(_, weight)| weight).collect();
        prop_assert_eq!(weights.len(), expected.len(), "{:?} for {:?}", weights, expected);
        for (got, wanted) in weights.iter().zip(&expected) {
            prop_assert!((got - wanted).abs() <= 5);
        }
    }

    /// Whatever comes, a weighing only ever fires on the very reading that shows its weight at rest.
    #[test]
    fn nothing_fires_without_a_weight_at_rest(events in proptest::collection::vec((0_u64..400, 0_i64..300, 0_u8..6), 0..200)) {
        let mut detector = Detector::new(rules(100));
        let mut ms = 0;
        for (wait, weight, kind) in events {
            ms += wait;
            let at = Stamp::from_millis(ms);
            let settled = match kind {
                0 => detector.take(Load::Garbled, at),
                1 => detector.take(Load::Silent, at),
                2 => detector.hear(&Reading::outside(Range::Over), at).1,
                3 => detector.hear(&Reading::without_weight(Moving), at).1,
                4 => detector.hear(&grams(weight, Moving), at).1,
                _ => {
                    let settled = detector.hear(&grams(weight, Stable), at).1;
                    prop_assert!(settled.is_none_or(|settled| settled.quantity().weight() == Weight::from_grams(weight)));
                    None
                }
            };
            prop_assert_eq!(settled, None);
        }
    }
}

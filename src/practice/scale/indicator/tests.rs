use proptest::prelude::*;

use super::*;
use crate::weight::Unit;

fn at(millis: u64) -> Stamp {
    Stamp::from_millis(millis)
}

fn kilograms(text: &str) -> Quantity {
    Quantity::parse(text.as_bytes(), Unit::Kilogram).unwrap()
}

fn scale_of(character: &Character) -> Indicator {
    Indicator::new(at(0), kilograms("0.005"), 15_000, character, 3)
}

fn scale() -> Indicator {
    scale_of(&Character::default())
}

/// What is shown every 10 ms from `from` to `to`.
fn watch(scale: &mut Indicator, from: u64, to: u64) -> Vec<(u64, Indication)> {
    (from..to)
        .step_by(10)
        .map(|millis| {
            scale.advance(at(millis));
            (millis, scale.indication())
        })
        .collect()
}

#[test]
fn an_empty_scale_comes_to_rest_at_zero_and_a_load_moves_it() {
    let mut scale = scale();
    assert!(!scale.indication().stable, "nothing is known at first");
    let first = watch(&mut scale, 0, 1_000);
    assert!(first.iter().all(|(at, now)| now.stable == (*at >= 520)), "{first:?}");
    assert!(scale.indication().zero);
    scale.put(at(1_000), 1_235);
    let seen = watch(&mut scale, 1_000, 3_000);
    assert!(seen.iter().any(|(_, now)| now.shown.digits() > 1_500), "it overshoots");
    let rest = seen.iter().find(|(_, now)| now.stable).unwrap().0;
    assert!((1_520..2_000).contains(&rest), "at rest after {rest} ms");
    for (millis, now) in seen {
        assert_eq!(now.stable, millis >= rest, "{millis} ms: {now:?}");
        if now.stable {
            assert_eq!(now.shown.to_string(), "1.235");
            assert!(!now.zero && !now.negative && !now.net);
        }
    }
}

#[test]
fn the_number_is_whole_divisions_of_the_scales_own_unit() {
    for (division, unit, grams, shown, fine) in [
        ("0.005", Unit::Kilogram, 1_237, "1.235", "1.2370"),
        ("0.005", Unit::Kilogram, 1_238, "1.240", "1.2380"),
        ("0.01", Unit::Pound, 1_130, "2.49", "2.491"),
        ("2", Unit::Gram, 1_235, "1236", "1235.0"),
        ("0.1", Unit::Ounce, 227, "8.0", "8.01"),
    ] {
        let division = Quantity::parse(division.as_bytes(), unit).unwrap();
        let mut scale = Indicator::new(at(0), division, 15_000, &Character::default(), 3);
        scale.put(at(0), grams);
        scale.advance(at(5_000));
        let now = scale.indication();
        assert!(now.stable);
        assert_eq!(now.shown.to_string(), shown, "{grams} g by {division} {unit}");
        assert_eq!(now.fine.to_string(), fine);
        assert_eq!(now.shown.unit(), unit);
    }
}

#[test]
fn capacity_and_zero_have_their_limits_on_both_sides() {
    for (grams, range) in
        [(15_045, Range::In), (15_050, Range::Over), (-100, Range::In), (-105, Range::Under), (0, Range::In)]
    {
        let mut scale = scale();
        scale.put(at(0), grams);
        scale.advance(at(5_000));
        assert_eq!(scale.indication().range, range, "{grams} g");
        assert_eq!(scale.indication().negative, grams < 0);
    }
    let (mut near, mut far) = (scale(), scale());
    near.put(at(0), 1);
    far.put(at(0), 2);
    near.advance(at(5_000));
    far.advance(at(5_000));
    assert!(near.indication().zero, "1 g is within a quarter of 5 g");
    assert!(!far.indication().zero, "2 g is not");
}

#[test]
fn jitter_flickers_by_a_division_and_a_forgiving_scale_rests_all_the_same() {
    let shaky = Character { jitter: true, ..Character::default() };
    let mut forgiving = scale_of(&shaky);
    let mut strict = scale_of(&Character { rest_divisions: 1, ..shaky });
    for scale in [&mut forgiving, &mut strict] {
        scale.put(at(0), 1_000);
        scale.advance(at(3_000));
    }
    let seen = watch(&mut forgiving, 3_000, 8_000);
    let mut shown: Vec<u64> = seen.iter().map(|(_, now)| now.shown.digits()).collect();
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown, [995, 1_000, 1_005]);
    assert!(seen.iter().all(|(_, now)| now.stable), "±1 d is rest");
    let moving = watch(&mut strict, 3_000, 8_000).iter().filter(|(_, now)| !now.stable).count();
    assert!(moving > 250, "±½ d is not: moving in {moving} of 500 looks");
}

#[test]
fn zero_is_set_at_rest_and_near_zero_only() {
    let mut scale = scale();
    scale.put(at(0), 250);
    assert_eq!(scale.zero(Rest::Needed), Err(Refused::Moving));
    scale.advance(at(3_000));
    assert_eq!(scale.zero(Rest::Needed), Ok(()));
    assert!(scale.indication().zero && scale.indication().stable);
    scale.put(at(3_000), 100);
    scale.advance(at(6_000));
    assert_eq!(scale.indication().shown.to_string(), "0.100");
    assert_eq!(scale.zero(Rest::Needed), Err(Refused::Over), "350 g is more than 2 % of 15 kg");
    scale.put(at(6_000), -40);
    scale.advance(at(9_000));
    assert_eq!(scale.zero(Rest::NotNeeded), Err(Refused::Over));
    scale.put(at(9_000), -15);
    scale.advance(at(12_000));
    assert_eq!(scale.zero(Rest::Needed), Ok(()), "295 g is less");
}

#[test]
fn a_tare_is_taken_off_until_it_is_cleared() {
    let mut scale = scale();
    scale.advance(at(1_000));
    assert_eq!(scale.tare(Rest::Needed), Err(Refused::Under), "there is nothing to tare");
    scale.put(at(1_000), 50);
    scale.advance(at(3_000));
    assert_eq!(scale.tare(Rest::Needed), Ok(()));
    scale.put(at(3_000), 450);
    scale.advance(at(5_000));
    let now = scale.indication();
    assert!(now.net && now.stable && !now.zero);
    assert_eq!((now.shown.to_string(), now.tare.to_string()), ("0.450".into(), "0.050".into()));
    scale.take_away(at(5_000));
    scale.advance(at(7_000));
    assert_eq!(scale.indication().shown.to_string(), "-0.050", "the container was lifted off");
    assert!(scale.indication().negative && scale.indication().zero);
    assert_eq!(scale.preset_tare(kilograms("0.020")), Ok(()));
    assert_eq!(scale.indication().tare.to_string(), "0.020");
    assert_eq!(scale.preset_tare(kilograms("0.022")), Err(Refused::Under), "no whole divisions");
    assert_eq!(scale.preset_tare(kilograms("15.005")), Err(Refused::Over));
    assert_eq!(scale.preset_tare(kilograms("0.0200")), Err(Refused::Under), "more places than it shows");
    scale.set_tare(0);
    assert!(!scale.indication().net);
}

#[test]
fn what_happens_is_told_once_and_in_order() {
    let mut scale = scale();
    scale.advance(at(1_000));
    scale.put(at(1_000), 500);
    scale.advance(at(4_000));
    scale.show(b"Banana");
    scale.show_weight();
    scale.show_weight();
    scale.take_away(at(4_000));
    let told = scale.happened();
    let expected = [
        What::Rest { shown: "0.000".into() },
        What::Put { grams: 500 },
        What::Rest { shown: "0.500".into() },
        What::Text { text: "Banana".into() },
        What::TextCleared,
        What::Taken,
    ];
    assert_eq!(told, expected);
    assert!(scale.happened().is_empty());
}

proptest! {
    /// Plateaus of random loads: the flag rises on every one that lasts, and only on the true weight.
    #[test]
    fn rest_is_told_only_at_the_true_weight(
        plateaus in proptest::collection::vec((0_i32..3_000, 50_u64..2_500), 1..8),
        settling in 100_u64..800,
        damping in 0.1..0.9_f64,
        jitter: bool,
    ) {
        let character = Character {
            settling: Duration::from_millis(settling), damping, jitter, ..Character::default()
        };
        let mut scale = scale_of(&character);
        let (mut millis, mut load) = (0, 0);
        for (grams, lasts) in plateaus {
            scale.put(at(millis), grams - load);
            load = grams;
            let seen = watch(&mut scale, millis + 1, millis + lasts);
            millis += lasts;
            let truth = f64::from(grams) / 5.0;
            for (_, now) in seen.iter().filter(|(_, now)| now.stable) {
                let off = of_whole(i64::try_from(now.shown.digits() / 5).unwrap()) - truth;
                prop_assert!(off.abs() <= if jitter { 1.5 } else { 1.0 }, "{now:?} for {grams} g");
            }
            // a swing of 3 kg must die down to within a division of 5 g before the hold can begin
            if lasts > settling + 700 {
                prop_assert!(seen.last().unwrap().1.stable, "{grams} g never came to rest in {lasts} ms");
            }
        }
    }

    #[test]
    fn how_often_time_is_told_does_not_matter(looks in proptest::collection::vec(1_u64..400, 0..40), grams in 1..15_000) {
        let (mut watched, mut alone) = (scale(), scale());
        watched.put(at(0), grams);
        alone.put(at(0), grams);
        let mut millis = 0;
        for wait in looks {
            millis += wait;
            watched.advance(at(millis));
        }
        // the scale measures every 20 ms, so both must stand on the same measurement
        let end = (millis / 20 + 30) * 20;
        watched.advance(at(end));
        alone.advance(at(end));
        prop_assert_eq!(watched.indication(), alone.indication());
    }
}

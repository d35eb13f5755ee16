use super::*;

#[test]
fn the_monitor_always_answers() {
    let mut bench = Bench::with("magellan", "0.01", Unit::Pound);
    assert_eq!(bench.ask(b"S14\r"), b"S143\r");
    bench.put(1_129);
    assert_eq!(bench.ask(b"S14\r"), b"S141\r");
    bench.pass(2_000);
    assert_eq!(bench.ask(b"S14\r"), b"S1440249\r");
    bench.weigh(20_000);
    assert_eq!(bench.ask(b"S14\r"), b"S142\r");
    bench.take_away();
    bench.weigh(-100);
    assert_eq!(bench.ask(b"S14\r"), b"S145\r");
    let mut metric = Bench::of("magellan");
    metric.weigh(1_235);
    assert_eq!(metric.ask(b"S14\r"), b"S14401235\r");
}

#[test]
fn before_the_first_rest_it_is_not_ready() {
    let division = Quantity::parse(b"0.005", Unit::Kilogram).unwrap();
    let mut scale = Indicator::new(Stamp::from_millis(0), division, 15_000, &Character::default(), 5);
    let mut speaker = (Language::named("magellan").unwrap().speaker)();
    let mut said = Vec::new();
    for byte in *b"S14\r" {
        speaker.hear(byte, &mut scale, &mut said);
    }
    assert_eq!(said, b"S140\r");
}

#[test]
fn the_waiting_request_is_silent_until_the_load_rests() {
    let mut bench = Bench::of("magellan");
    bench.put(500);
    assert_eq!(bench.ask(b"S11\r"), b"");
    assert_eq!(bench.pass(2_000), b"S1100500\r");
    assert_eq!(bench.pass(2_000), b"", "once");
    bench.weigh(20_000);
    bench.ask(b"S11\r");
    assert_eq!(bench.pass(5_000), b"");
}

#[test]
fn bar_codes_come_on_the_same_wire_and_beeps_are_heard() {
    let mut bench = Bench::of("magellan");
    bench.scale.scan("4006381333931");
    assert_eq!(bench.pass(20), b"S08F4006381333931\r");
    bench.scale.scan("036000291452");
    assert_eq!(bench.pass(20), b"S08A036000291452\r");
    bench.scale.happened();
    bench.ask(b"S334\r");
    assert_eq!(bench.scale.happened(), [What::Beep]);
    bench.ask(b"S10\r");
    assert_eq!(bench.ask(b"S14\r"), b"", "deaf while it starts again");
    bench.pass(5_000);
    assert_eq!(bench.ask(b"S14\r"), b"S143\r");
}

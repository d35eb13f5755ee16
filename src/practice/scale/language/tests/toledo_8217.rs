use super::*;

#[test]
fn a_weight_frame_comes_at_rest_only() {
    let mut bench = Bench::of("toledo-8217");
    assert_eq!(said(&bench.ask(b"W")), r"\x0200.000\r");
    bench.put(1_235);
    assert_eq!(bench.ask(b"W"), [0x02, b'?', 0x41, 0x0D]);
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"W")), r"\x0201.235\r");
    assert_eq!(said(&bench.ask(b"H")), r"\x0201.2350\r");
    assert_eq!(bench.pass(1_000), b"", "it never speaks first");
}

#[test]
fn out_of_range_is_a_status_with_its_bit() {
    let mut bench = Bench::of("toledo-8217");
    bench.weigh(16_000);
    assert_eq!(bench.ask(b"W"), [0x02, b'?', 0x42, 0x0D]);
    bench.take_away();
    bench.weigh(-10);
    assert_eq!(bench.ask(b"W"), [0x02, b'?', 0x44, 0x0D]);
    let mut other = Bench::of("toledo-8217/ps60");
    other.weigh(-10);
    assert_eq!(other.ask(b"W"), [0x02, b'?', 0x64, 0x0D], "bit 5 is always set there");
    assert_eq!(other.ask(b"S"), [0x02, b'?', 0x64, 0x0D]);
}

#[test]
fn pounds_have_two_decimals() {
    let mut bench = Bench::with("toledo-8217", "0.01", Unit::Pound);
    bench.weigh(1_129);
    assert_eq!(said(&bench.ask(b"W")), r"\x0202.49\r");
}

#[test]
fn zero_tare_and_clear_do_what_the_real_ones_do() {
    let mut bench = Bench::of("toledo-8217");
    bench.weigh(100);
    assert_eq!(bench.ask(b"Z"), b"");
    assert_eq!(bench.pass(20), [0x02, b'?', 0x50, 0x0D]);
    bench.weigh(900);
    assert_eq!(bench.ask(b"Z"), b"");
    assert_eq!(bench.pass(20), [0x02, b'?', 0x48, 0x0D], "900 g is outside the zero range");
    bench.take_away();
    bench.weigh(150);
    assert_eq!(bench.ask(b"T"), b"");
    assert_eq!(bench.pass(145), b"");
    assert_eq!(bench.pass(10), [0x02, b'?', 0x60, 0x0D]);
    bench.weigh(450);
    assert_eq!(said(&bench.ask(b"W")), r"\x0200.450N\r");
    bench.ask(b"C");
    assert_eq!(bench.pass(150), [0x02, b'?', 0x40, 0x0D]);
    assert_eq!(said(&bench.ask(b"W")), r"\x0200.500\r", "600 g on a zero of 100 g");
    assert_eq!(bench.ask(b"T00020"), b"");
    assert_eq!(bench.pass(150), [0x02, b'?', 0x60, 0x0D]);
    assert_eq!(said(&bench.ask(b"W")), r"\x0200.480N\r");
}

#[test]
fn echo_is_how_a_host_recognises_it() {
    let mut bench = Bench::of("toledo-8217");
    assert_eq!(said(&bench.ask(b"Ehello")), r"\x02E\rhello");
    assert_eq!(said(&bench.ask(b"WF")), r"W\x02F\r");
    assert_eq!(said(&bench.ask(b"W")), r"\x0200.000\r");
}

#[test]
fn the_self_test_is_told_once_and_the_dangerous_letter_is_dangerous() {
    let mut bench = Bench::of("toledo-8217");
    assert_eq!(said(&bench.ask(b"A")), r"\x02\r");
    assert_eq!(said(&bench.ask(b"B")), r"\x02?@\r");
    assert_eq!(said(&bench.ask(b"B")), r"\x02?\x00\r");
    assert_eq!(bench.ask(b"Xyz"), b"");
    let mut other = Bench::of("toledo-8217/ps60");
    other.ask(b"X");
    assert_eq!(other.ask(b"W"), b"", "the host switched it off");
    assert!(other.scale.happened().contains(&What::SwitchedOff));
}

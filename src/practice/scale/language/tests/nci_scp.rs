use super::*;

#[test]
fn the_standard_sends_the_number_also_while_it_moves() {
    let mut bench = Bench::with("nci-scp", "0.01", Unit::Pound);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n0000.00lb\r\n20\r\x03");
    bench.put(1_129);
    let moving = said(&bench.ask(b"W\r"));
    assert!(moving.starts_with(r"\n000") && moving.ends_with(r"lb\r\n10\r\x03"), "{moving}");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n0002.49lb\r\n00\r\x03");
    assert_eq!(said(&bench.ask(b"H\r")), r"\n0002.489lb\r\n00\r\x03");
    assert_eq!(said(&bench.ask(b"S\r")), r"\n00\r\x03");
    assert_eq!(said(&bench.ask(b"U\r")), r"\nlb\r\n00\r\x03");
    assert_eq!(said(&bench.ask(b"Q\r")), r"\n?\r\x03");
    bench.weigh(-1_150);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n-000.05lb\r\n00\r\x03");
}

#[test]
fn the_ecr_form_sends_a_number_only_when_it_may_be_used() {
    let mut bench = Bench::of("nci-scp/ecr");
    assert_eq!(said(&bench.ask(b"W\r")), r"\n00.000KG\r\nS20\r\x03");
    bench.put(1_235);
    assert_eq!(said(&bench.ask(b"W\r")), r"\nS10\r\x03");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n01.235KG\r\nS00\r\x03");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(b"W\r")), r"\nS02\r\x03");
    bench.take_away();
    bench.weigh(-10);
    assert_eq!(said(&bench.ask(b"W\r")), r"\nS01\r\x03");
    assert_eq!(said(&bench.ask(b"X\r")), r"\n?\r\x03");
}

#[test]
fn net_takes_a_third_status_byte() {
    let mut bench = Bench::of("nci-scp");
    bench.weigh(100);
    assert_eq!(said(&bench.ask(b"T\r")), r"\n0p4\r\x03");
    bench.weigh(500);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n000.500kg\r\n0p4\r\x03");
}

#[test]
fn beyond_its_range_the_display_is_filled() {
    let mut bench = Bench::of("nci-scp");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n^^^^^^kg\r\n02\r\x03");
    bench.take_away();
    bench.weigh(-500);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n______kg\r\n01\r\x03");
    bench.take_away();
    bench.weigh(100);
    assert_eq!(said(&bench.ask(b"Z\r")), r"\n20\r\x03");
    bench.ask(b"X\r");
    assert_eq!(bench.ask(b"W\r"), b"", "X switches it off");
}

#[test]
fn the_3835_has_no_line_end_before_its_status() {
    let mut bench = Bench::with("nci-scp/3835", "0.05", Unit::Pound);
    bench.weigh(1_134);
    assert_eq!(said(&bench.ask(b"W\r")), r"\n 002.50LB\r00\x03");
    assert_eq!(bench.ask(b"Z\r"), b"");
}

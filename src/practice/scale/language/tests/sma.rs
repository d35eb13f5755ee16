use super::*;

#[test]
fn a_line_has_its_fields() {
    let mut bench = Bench::with("sma", "0.005", Unit::Pound);
    assert_eq!(said(&bench.ask(b"\nW\r")), r"\nZ1G       0.000lb \r");
    bench.put(2_279);
    let moving = said(&bench.ask(b"\nW\r"));
    assert!(moving.starts_with(r"\n 1GM ") && moving.ends_with(r"lb \r"), "{moving}");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"\nW\r")), r"\n 1G       5.025lb \r");
    assert_eq!(said(&bench.ask(b"\nH\r")), r"\n 1g      5.0245lb \r");
    assert_eq!(bench.ask(b"\nW\r").len(), 20);
    assert_eq!(said(&bench.ask(b"\nD\r")), r"\n?\r");
    assert_eq!(bench.ask(b"W\r"), b"", "a command begins with LF");
    assert_eq!(said(&bench.ask(b"noise\nW\r")), r"\n 1G       5.025lb \r");
}

#[test]
fn range_tare_and_refusals_have_their_letters() {
    let mut bench = Bench::of("sma");
    bench.weigh(15_100);
    assert_eq!(said(&bench.ask(b"\nW\r")), r"\nO1G      15.100kg \r");
    assert_eq!(said(&bench.ask(b"\nZ\r")), r"\nE1G  ----------kg \r");
    bench.take_away();
    bench.weigh(-300);
    assert_eq!(said(&bench.ask(b"\nW\r")), r"\nU1G      -0.300kg \r");
    assert_eq!(said(&bench.ask(b"\nT\r")), r"\nT1G  ----------kg \r");
    bench.take_away();
    bench.weigh(50);
    assert_eq!(said(&bench.ask(b"\nT\r")), r"\n 1N       0.000kg \r");
    assert_eq!(said(&bench.ask(b"\nM\r")), r"\n 1T       0.050kg \r");
    assert_eq!(said(&bench.ask(b"\nC\r")), r"\n 1G       0.050kg \r");
}

#[test]
fn it_waits_for_rest_and_repeats_until_told() {
    let mut bench = Bench::of("sma");
    bench.put(500);
    assert_eq!(bench.ask(b"\nP\r"), b"");
    assert_eq!(said(&bench.pass(2_000)), r"\n 1G       0.500kg \r");
    bench.ask(b"\nR\r");
    assert_eq!(bench.pass(1_100).len(), 200);
    bench.ask(b"\n\x1B\r");
    assert_eq!(bench.pass(1_000), b"");
    bench.weigh(20_000);
    assert_eq!(bench.ask(b"\nP\r"), b"");
    assert_eq!(said(&bench.pass(6_000)), r"\n 1G  ----------   \r", "dashes and no unit");
}

use super::*;

const PRINT: &[u8] = b"\x1BP\r\n";

#[test]
fn a_unit_says_that_the_load_rests() {
    let mut bench = Bench::with("sbi", "0.01", Unit::Gram);
    bench.put(100);
    let moving = said(&bench.ask(PRINT));
    assert!(moving.starts_with('+') && moving.ends_with(r"    \r\n"), "{moving}");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(PRINT)), r"+   100.00 g  \r\n");
    bench.weigh(-100);
    bench.ask(b"\x1BV\r\n");
    let mut negative = Bench::with("sbi", "0.5", Unit::Gram);
    negative.weigh(-2);
    assert_eq!(said(&negative.ask(PRINT)), r"-      2.0 g  \r\n");
}

#[test]
fn special_states_are_words() {
    let mut bench = Bench::of("sbi");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(PRINT)), r"     High     \r\n");
    let mut long = Bench::of("sbi/22");
    long.weigh(20_000);
    assert_eq!(said(&long.ask(PRINT)), r"Stat       High     \r\n");
    long.take_away();
    long.weigh(50);
    long.ask(b"\x1BU\r\n");
    long.weigh(123);
    assert_eq!(said(&long.ask(PRINT)), r"N     +    0.125 kg \r\n");
    long.ask(b"\x1BQ\r\n");
    assert!(long.scale.happened().contains(&What::Beep));
}

#[test]
fn set_to_print_by_itself_the_request_stops_it() {
    let mut bench = Bench::of("sbi/auto");
    assert_eq!(bench.pass(1_000).len(), 160);
    assert_eq!(bench.ask(PRINT), b"");
    assert_eq!(bench.pass(1_000), b"");
    bench.ask(PRINT);
    assert_eq!(bench.pass(1_000).len(), 160);
}

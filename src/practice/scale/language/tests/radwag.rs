use super::*;

#[test]
fn the_weight_now_is_one_frame() {
    let mut bench = Bench::of("radwag");
    bench.weigh(1_235);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"SI        1.235 kg \r\n");
    assert_eq!(bench.ask(b"SI\r\n").len(), 21);
    bench.put(1);
    assert!(said(&bench.ask(b"SI\r\n")).starts_with("SI ? "));
    bench.weigh(20_000);
    assert!(said(&bench.ask(b"SI\r\n")).starts_with("SI ^ "));
    bench.take_away();
    bench.weigh(-500);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"SI v -    0.500 kg \r\n");
    assert_eq!(said(&bench.ask(b"si\r\n")), r"ES\r\n");
}

#[test]
fn the_stable_weight_takes_two_steps_and_what_comes_between_is_lost() {
    let mut bench = Bench::with("radwag", "0.5", Unit::Gram);
    bench.put(-8);
    assert_eq!(said(&bench.ask(b"S\r\n")), r"S A\r\n");
    assert_eq!(bench.ask(b"SI\r\n"), b"", "too early: lost");
    assert_eq!(said(&bench.pass(3_000)), r"S    -      8.0 g  \r\n");
    bench.put(1);
    bench.ask(b"S\r\n");
    let mut heard = Vec::new();
    let asked = bench.millis;
    while heard.is_empty() && bench.millis < asked + 10_000 {
        bench.scale.put(Stamp::from_millis(bench.millis), 1);
        heard = bench.pass(100);
    }
    assert_eq!(said(&heard), r"S E\r\n");
}

#[test]
fn commands_end_with_their_result() {
    let mut bench = Bench::of("radwag");
    bench.weigh(50);
    assert_eq!(said(&bench.ask(b"T\r\n")), r"T A\r\n");
    assert_eq!(said(&bench.pass(20)), r"T D\r\n");
    assert_eq!(said(&bench.ask(b"UT 0.020\r\n")), r"UT OK\r\n");
    assert_eq!(said(&bench.ask(b"UT x\r\n")), r"ES\r\n");
    bench.weigh(5_000);
    bench.ask(b"Z\r\n");
    assert_eq!(said(&bench.pass(20)), r"Z ^\r\n");
    assert_eq!(said(&bench.ask(b"BP\r\n")), r"BP OK\r\n");
    assert_eq!(said(&bench.ask(b"C1\r\n")), r"C1 A\r\n");
    assert_eq!(bench.pass(1_000).len(), 210);
    bench.ask(b"C0\r\n");
    assert_eq!(bench.pass(1_000), b"");
}

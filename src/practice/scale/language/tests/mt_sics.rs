use super::*;

#[test]
fn the_weight_now_says_whether_it_rests() {
    let mut bench = Bench::of("mt-sics");
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S S      0.000 kg\r\n");
    bench.put(735);
    assert!(said(&bench.ask(b"SI\r\n")).starts_with("S D "));
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S S      0.735 kg\r\n");
    bench.weigh(-1_235);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S -\r\n");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S +\r\n");
    bench.take_away();
    bench.weigh(-50);
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S S     -0.050 kg\r\n");
    let mut grams = Bench::with("mt-sics", "0.01", Unit::Gram);
    grams.weigh(100);
    assert_eq!(grams.ask(b"SI\r\n"), b"S S     100.00 g\r\n", "as the maker's own example");
}

#[test]
fn a_stable_weight_waits_and_gives_up() {
    let mut bench = Bench::of("mt-sics");
    bench.put(500);
    assert_eq!(bench.ask(b"S\r\n"), b"");
    assert_eq!(said(&bench.pass(2_000)), r"S S      0.500 kg\r\n");
    bench.put(1);
    let asked = bench.millis;
    assert_eq!(bench.ask(b"S\r\n"), b"");
    let mut heard = Vec::new();
    while heard.is_empty() && bench.millis < asked + 10_000 {
        // somebody keeps touching the plate
        bench.scale.put(Stamp::from_millis(bench.millis), 1);
        heard = bench.pass(100);
    }
    assert_eq!(said(&heard), r"S I\r\n");
    assert_eq!(bench.millis - asked, 5_000);
    assert_eq!(bench.ask(b"S\r\n"), b"");
    assert!(said(&bench.ask(b"SI\r\n")).starts_with("S D "), "another command ends the wait");
    assert_eq!(bench.pass(3_000), b"");
}

#[test]
fn repeating_goes_on_until_another_command() {
    let mut bench = Bench::of("mt-sics");
    bench.ask(b"SIR\r\n");
    let lines = said(&bench.pass(1_000));
    assert_eq!(lines.matches(r"S S      0.000 kg\r\n").count(), 10, "{lines}");
    bench.put(300);
    let lines = said(&bench.pass(1_500));
    assert!(lines.contains("S D ") && lines.contains(r"S S      0.300 kg\r\n"), "{lines}");
    bench.ask(b"DW\r\n");
    assert_eq!(bench.pass(1_000), b"");
}

#[test]
fn text_stands_on_the_display_until_the_weight_comes_back() {
    let mut bench = Bench::of("mt-sics");
    assert_eq!(bench.ask(b"D \"Banana 0.735 kg\"\r\n"), b"D A\r\n");
    assert_eq!(bench.scale.text(), Some("Banana 0.735 kg"));
    assert_eq!(bench.ask(b"D \"Banana\r\n"), b"D L\r\n");
    assert_eq!(bench.ask(b"D Banana\r\n"), b"D L\r\n");
    assert_eq!(bench.scale.text(), Some("Banana 0.735 kg"), "a refused text changes nothing");
    assert_eq!(bench.ask(b"D \"Lemon\"\r\n"), b"D A\r\n");
    assert_eq!(bench.scale.texts(), 2);
    assert_eq!(bench.ask(b"DW\r\n"), b"DW A\r\n");
    assert_eq!(bench.scale.text(), None);
}

#[test]
fn zero_and_tare_answer_with_their_result() {
    let mut bench = Bench::of("mt-sics");
    bench.weigh(50);
    assert_eq!(said(&bench.ask(b"T\r\n")), r"T S      0.050 kg\r\n");
    assert_eq!(said(&bench.ask(b"TA\r\n")), r"TA A      0.050 kg\r\n");
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"S S      0.000 kg\r\n");
    assert_eq!(said(&bench.ask(b"TAC\r\n")), r"TAC A\r\n");
    assert_eq!(said(&bench.ask(b"TA 0.020 kg\r\n")), r"TA A      0.020 kg\r\n");
    assert_eq!(said(&bench.ask(b"TA 0.020 parrots\r\n")), r"TA L\r\n");
    bench.ask(b"TAC\r\n");
    assert_eq!(said(&bench.ask(b"Z\r\n")), r"Z A\r\n");
    bench.weigh(5_000);
    assert_eq!(said(&bench.ask(b"Z\r\n")), r"Z +\r\n");
    bench.put(10);
    assert_eq!(said(&bench.ask(b"ZI\r\n")), r"ZI +\r\n");
    assert!(said(&bench.ask(b"TI\r\n")).starts_with("TI D "));
}

#[test]
fn it_says_who_it_is_and_what_it_does_not_understand() {
    let mut bench = Bench::of("mt-sics");
    for (command, answer) in [
        (b"I4\r\n".as_slice(), b"I4 A \"PRACTICE\"\r\n".as_slice()),
        (b"@\r\n", b"I4 A \"PRACTICE\"\r\n"),
        (b"I2\r\n", b"I2 A \"practice scale 15.000 kg\"\r\n"),
        (b"si\r\n", b"ES\r\n"),
        (b"SR\r\n", b"ES\r\n"),
        (b"\r\n", b"ES\r\n"),
        (b"S\xC9\r\n", b"ET\r\n"),
    ] {
        assert_eq!(said(&bench.ask(command)), said(answer));
    }
    let list = said(&bench.ask(b"I0\r\n"));
    assert!(list.contains("I0 B 1 \\\"D\\\"") && list.ends_with("I0 A 1 \\\"TAC\\\"\\r\\n"), "{list}");
}

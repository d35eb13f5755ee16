use super::*;

#[test]
fn an_az_extra_answers_once_for_each_weight() {
    let mut bench = Bench::with("adam", "0.001", Unit::Kilogram);
    assert_eq!(bench.ask(b"P\r\n"), b"", "nothing at zero");
    bench.put(1_234);
    assert_eq!(bench.ask(b"P\r\n"), b"", "nothing while it moves");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(b"P\r\n")), r"  1.234kg\r\n");
    bench.scale.happened();
    assert_eq!(bench.ask(b"P\r\n"), b"", "nothing twice");
    assert_eq!(bench.scale.happened(), [What::Beep]);
    bench.weigh(-234);
    assert_eq!(said(&bench.ask(b"P\r\n")), r"  1.000kg\r\n");
}

#[test]
fn a_cpw_plus_never_says_whether_it_rests() {
    let mut bench = Bench::with("adam/cpwplus", "0.01", Unit::Kilogram);
    bench.weigh(2_000);
    assert_eq!(said(&bench.ask(b"G\r\n")), r"G +   2.00 kg\r\n");
    bench.ask(b"Z\r\n");
    bench.weigh(-100);
    assert_eq!(said(&bench.ask(b"N\r\n")), r"N -   0.10 kg\r\n");
    assert_eq!(said(&bench.ask(b"T\r\n")), r"T +   2.00 kg\r\n");
    assert_eq!(said(&bench.ask(b"G\r\n")), r"G +   1.90 kg\r\n");
    bench.put(500);
    assert!(said(&bench.ask(b"G\r\n")).starts_with("G + "));
    assert_eq!(bench.ask(b"P\r\n"), b"");
}

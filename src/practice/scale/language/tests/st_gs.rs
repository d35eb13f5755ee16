use super::*;

fn lines(bytes: &[u8]) -> Vec<String> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(said).collect()
}

#[test]
fn an_indicator_says_its_line_ten_times_a_second() {
    let mut bench = Bench::of("st-gs");
    let heard = lines(&bench.pass(1_000));
    assert_eq!(heard.len(), 10);
    assert!(heard.iter().all(|line| line == r"ST,GS,+  0.000kg\r\n"), "{heard:?}");
    bench.put(1_235);
    let heard = lines(&bench.pass(2_000));
    assert!(heard[0].starts_with("US,GS,+"), "{heard:?}");
    let first = heard.iter().position(|line| line.starts_with("ST")).unwrap();
    assert!(heard[first..].iter().all(|line| line == r"ST,GS,+  1.235kg\r\n"), "{heard:?}");
    assert!(heard[..first].iter().any(|line| line.as_str() != heard[0]), "it moves until then");
}

#[test]
fn range_and_sign_are_in_the_line() {
    let mut bench = Bench::of("st-gs");
    bench.weigh(20_000);
    assert_eq!(lines(&bench.pass(100)), [r"OL,GS,+999.999kg\r\n"]);
    bench.take_away();
    bench.weigh(-50);
    assert_eq!(lines(&bench.pass(100)), [r"ST,GS,-  0.050kg\r\n"]);
    bench.weigh(-500);
    assert_eq!(lines(&bench.pass(100)), [r"OL,GS,-999.999kg\r\n"]);
}

#[test]
fn a_request_is_answered_at_once() {
    let mut bench = Bench::of("st-gs");
    assert_eq!(said(&bench.ask(b"R\r\n")), r"ST,GS,+  0.000kg\r\n");
    assert_eq!(said(&bench.ask(b"Q\r\n")), r"ST,GS,+  0.000kg\r\n");
    assert_eq!(bench.ask(b"X\r\n"), b"");
}

#[test]
fn the_variants_have_their_makers_layouts() {
    for (name, line) in [
        ("st-gs/tiger", b"ST,GS   1.235,kg\r\n".as_slice()),
        ("st-gs/cas22", b"ST,GS,1\xC4,   1.235 kg\r\n"),
        ("st-gs/cas10", b"   1.235\r\n"),
    ] {
        let mut bench = Bench::of(name);
        bench.weigh(1_235);
        assert_eq!(bench.pass(100), line, "{name}");
    }
    let mut bare = Bench::of("st-gs/cas10");
    bare.weigh(20_000);
    assert_eq!(bare.pass(1_000), b"", "a number alone cannot say that there is none");
}

#[test]
fn a_balance_of_a_and_d_speaks_when_asked() {
    let mut bench = Bench::with("st-gs/and", "0.001", Unit::Kilogram);
    assert_eq!(bench.pass(1_000), b"");
    bench.put(1_234);
    assert!(said(&bench.ask(b"Q\r\n")).starts_with("US,+"));
    assert_eq!(bench.ask(b"S\r\n"), b"");
    assert_eq!(said(&bench.pass(2_000)), r"ST,+0001.234 kg\r\n");
    assert_eq!(said(&bench.ask(b"Z\r\n")), r"EC,E02\r\n");
    assert_eq!(said(&bench.ask(b"T\r\n")), r"\x06\r\n");
    assert_eq!(said(&bench.ask(b"SI\r\n")), r"ST,+0000.000 kg\r\n");
    assert_eq!(said(&bench.ask(b"PARROT\r\n")), r"EC,E01\r\n");
    bench.ask(b"SIR\r\n");
    assert_eq!(lines(&bench.pass(500)).len(), 5);
    bench.ask(b"C\r\n");
    assert_eq!(bench.pass(500), b"");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(b"Q\r\n")), r"OL,+999999.9 kg\r\n");
}

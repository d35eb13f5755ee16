use super::*;

#[test]
fn five_digits_or_five_letters() {
    let mut bench = Bench::of("prix");
    assert_eq!(said(&bench.ask(&[0x05])), r"\x0200000\x03");
    bench.put(1_235);
    assert_eq!(said(&bench.ask(&[0x05])), r"\x02IIIII\x03");
    bench.pass(2_000);
    assert_eq!(said(&bench.ask(&[0x05])), r"\x0201235\x03");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(&[0x05])), r"\x02SSSSS\x03");
    bench.take_away();
    bench.weigh(-50);
    assert_eq!(said(&bench.ask(&[0x05])), r"\x02NNNNN\x03");
}

#[test]
fn prt5_is_silent_at_zero_and_takes_a_price() {
    let mut bench = Bench::of("prix/prt5");
    assert_eq!(bench.ask(&[0x05]), b"");
    bench.weigh(500);
    assert_eq!(said(&bench.ask(&[0x05])), r"\x0200500\x03");
    bench.scale.happened();
    for (sent, told) in [
        (b"\x02000299\x03".as_slice(), vec![What::Price { minor: 299 }]),
        (b"\x0200299\x03", vec![]),
        (b"\x020029999\x03", vec![]),
        (b"\x02000x99\x03", vec![]),
        (b"000299\x03", vec![]),
    ] {
        assert_eq!(bench.ask(sent), b"");
        assert_eq!(bench.scale.happened(), told, "{sent:?}");
    }
    let mut other = Bench::of("prix");
    other.scale.happened();
    other.ask(b"\x02000299\x03");
    assert_eq!(other.scale.happened(), [], "PRT3 has no price");
}

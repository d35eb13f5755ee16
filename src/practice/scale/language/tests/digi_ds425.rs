use super::*;

#[test]
fn stability_is_a_byte_of_its_own() {
    let mut bench = Bench::of("digi-ds425");
    bench.weigh(1_235);
    assert_eq!(said(&bench.pass(100)), r"\x00\r0  1.235\r4  0.000\r\n");
    bench.put(10);
    assert_eq!(bench.pass(100)[..2], [0x01, b'\r']);
    bench.take_away();
    bench.weigh(50);
    assert!(bench.scale.tare(crate::practice::scale::indicator::Rest::Needed).is_ok());
    bench.take_away();
    assert_eq!(said(&bench.pass(100)), r"\x00\r0 -0.050\r4  0.050\r\n");
    bench.weigh(20_000);
    assert_eq!(bench.pass(1_000), b"");
}

#[test]
fn four_layouts_have_four_looks() {
    for (name, frame) in [
        ("digi-ds425/17", r"  0.500\r  0.000\r\n"),
        ("digi-ds425/19-stability", r"\x00\r  0.500\r  0.000\r\n"),
        ("digi-ds425/19-headers", r"0  0.500\r4  0.000\r\n"),
    ] {
        let mut bench = Bench::of(name);
        bench.weigh(500);
        assert_eq!(said(&bench.pass(100)), frame, "{name}");
    }
}

use super::*;

#[test]
fn every_frame_sums_to_nothing() {
    let mut bench = Bench::with("toledo-continuous", "0.001", Unit::Kilogram);
    bench.weigh(1_235);
    assert_eq!(said(&bench.pass(100)), r"\x02-0   1235000000\rI");
    bench.put(10);
    for frame in bench.pass(1_000).chunks(18) {
        assert_eq!(frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) & 0x7F, 0);
    }
}

#[test]
fn the_bits_say_how_the_load_stands() {
    let mut bench = Bench::with("toledo-continuous", "0.001", Unit::Kilogram);
    let bits = |bench: &mut Bench| bench.pass(100)[2];
    bench.put(1_180);
    assert_eq!(bits(&mut bench) & 0x08, 0x08, "moving");
    bench.pass(2_000);
    assert_eq!(bits(&mut bench), 0x30);
    bench.weigh(20_000);
    let frame = bench.pass(100);
    assert_eq!((frame[2], &frame[4..10]), (0x34, b"      ".as_slice()), "out of range shows nothing");
    bench.take_away();
    bench.weigh(-12);
    assert_eq!(said(&bench.pass(100)), r"\x02-2     12000000\ro");
    bench.take_away();
    bench.weigh(50);
    bench.ask(b"T");
    bench.weigh(450);
    assert_eq!(said(&bench.pass(100)[..17]), r"\x02-1    450000050\r");
    bench.ask(b"C");
    assert_eq!(bits(&mut bench), 0x30);
}

#[test]
fn division_and_unit_are_on_the_wire() {
    for (division, unit, head) in [
        ("0.02", Unit::Pound, [0x34, 0x20, 0x20]),
        ("0.005", Unit::Kilogram, [0x3D, 0x30, 0x20]),
        ("0.010", Unit::Kilogram, [0x2C, 0x30, 0x20]),
        ("1", Unit::Gram, [0x2A, 0x30, 0x21]),
        ("20", Unit::Gram, [0x31, 0x30, 0x21]),
    ] {
        let mut bench = Bench::with("toledo-continuous/plain", division, unit);
        bench.weigh(1_134);
        let frame = bench.pass(100);
        assert_eq!((frame.len(), &frame[1..4]), (17, head.as_slice()), "{division} {unit}");
    }
    let mut bench = Bench::with("toledo-continuous", "20", Unit::Gram);
    bench.weigh(1_134);
    assert_eq!(said(&bench.pass(100)[4..10]), "   114", "a dummy zero: 1140 g");
}

use super::*;

#[test]
fn the_host_says_the_frame_back_to_be_told_it_was_right() {
    let mut bench = Bench::of("berkel");
    assert_eq!(bench.ask(&[0x05]), [0x00], "an empty plate has no data");
    bench.put(1_235);
    assert_eq!(bench.ask(&[0x05]), [0x00], "nor has a moving one");
    bench.pass(2_000);
    assert_eq!(bench.ask(&[0x11]), b"", "DC1 needs its ENQ");
    assert_eq!(bench.ask(&[0x05]), [0x06]);
    let frame = bench.ask(&[0x11]);
    assert_eq!(frame, [0x02, 0x29, 0x30, 0x31, 0x32, 0x33, 0x35, 0x1C, 0x03]);
    assert_eq!(bench.ask(&frame), b"\r");
    let frame = bench.ask(&[0x05, 0x11])[1..].to_vec();
    let mut wrong = frame.clone();
    wrong[4] ^= 1;
    assert_eq!(bench.ask(&wrong), [0x06]);
    assert_eq!(bench.ask(&frame), b"", "there is nothing to confirm any more");
}

#[test]
fn a_load_that_moves_after_the_enquiry_is_weighed_again() {
    let mut bench = Bench::of("berkel");
    bench.weigh(500);
    assert_eq!(bench.ask(&[0x05]), [0x06]);
    bench.put(10);
    assert_eq!(bench.ask(&[0x11]), [0x18]);
}

#[test]
fn range_is_a_bit_and_the_capacity_a_code() {
    let mut bench = Bench::of("berkel");
    bench.weigh(20_000);
    assert_eq!(bench.ask(&[0x05, 0x11])[1..], [0x02, 0x39, 0x30, 0x30, 0x30, 0x30, 0x30, 0x09, 0x03]);
    let mut pounds = Bench::with("berkel", "0.01", Unit::Pound);
    pounds.weigh(1_129);
    assert_eq!(pounds.ask(&[0x05, 0x11])[1..], [0x02, 0x2A, 0x30, 0x30, 0x32, 0x34, 0x39, 0x15, 0x03]);
    bench.take_away();
    bench.weigh(100);
    bench.ask(&[0x02, 0x4E, 0, 0, 0, 0, 0, 0x03, 0x4E]);
    assert!(bench.scale.indication().net);
    bench.ask(&[0x02, 0x5A, 0, 0, 0, 0, 0, 0x03, 0x5A]);
    assert!(bench.scale.indication().zero);
}

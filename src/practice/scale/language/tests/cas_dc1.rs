use super::*;

#[test]
fn an_enquiry_comes_first_and_the_frame_is_checked() {
    let mut bench = Bench::of("cas-dc1");
    assert_eq!(bench.ask(&[0x11]), b"", "DC1 needs its ENQ");
    assert_eq!(bench.ask(&[0x05]), [0x06]);
    assert_eq!(said(&bench.ask(&[0x11])), r"\x01\x02S 00.000kga\x03\x04");
    assert_eq!(bench.ask(&[0x11]), b"", "and each its own");
    bench.weigh(1_235);
    assert_eq!(said(&bench.ask(&[0x05, 0x11])), r"\x06\x01\x02S 01.235kgd\x03\x04");
    assert_eq!(bench.ask(&[0x05, b'?', 0x11]), [0x06], "anything between them ends it");
    bench.put(1);
    assert!(said(&bench.ask(&[0x05, 0x11])).starts_with(r"\x06\x01\x02U "));
}

#[test]
fn overload_and_minus_are_in_the_number() {
    let mut bench = Bench::of("cas-dc1/direct");
    bench.weigh(20_000);
    assert_eq!(said(&bench.ask(&[0x11])), r"\x01\x02SFFFFFFFkg\x19\x03\x04");
    bench.take_away();
    bench.weigh(-10);
    assert_eq!(said(&bench.ask(&[0x11])), r"\x01\x02S-00.010kgm\x03\x04");
}

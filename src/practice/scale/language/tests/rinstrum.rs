use super::*;

#[test]
fn one_letter_says_how_the_load_stands() {
    let mut bench = Bench::of("rinstrum");
    bench.weigh(1_235);
    assert_eq!(said(&bench.pass(100)), r"\x02   1.235G\x03");
    bench.put(10);
    assert!(said(&bench.pass(100)).ends_with(r"M\x03"));
    bench.weigh(20_000);
    assert!(said(&bench.pass(100)).ends_with(r"O\x03"));
    bench.take_away();
    bench.weigh(-300);
    assert_eq!(said(&bench.pass(100)), r"\x02-  0.300U\x03");
    bench.take_away();
    bench.weigh(-10);
    assert_eq!(said(&bench.pass(100)), r"\x02-  0.010G\x03");
    assert_eq!(bench.pass(1_000).len(), 110);
}

use super::*;

#[test]
fn a_question_mark_says_that_the_load_moves() {
    let mut bench = Bench::with("ohaus", "0.01", Unit::Gram);
    bench.weigh(13);
    assert_eq!(said(&bench.ask(b"IP\r\n")), r"      13.00 g       \r\n");
    bench.put(10);
    let moving = said(&bench.ask(b"IP\r\n"));
    assert!(moving.contains(" g  ? "), "{moving}");
    let mut net = Bench::of("ohaus");
    net.weigh(100);
    assert_eq!(net.ask(b"T\r\n"), b"");
    net.weigh(-5);
    assert_eq!(said(&net.ask(b"P\r\n")), r"     -0.005 kg   N  \r\n");
    assert_eq!(said(&net.ask(b"parrot\r\n")), r"ES\r\n");
    net.weigh(20_000);
    assert_eq!(said(&net.ask(b"IP\r\n")), r"ES\r\n");
}

#[test]
fn a_print_at_rest_waits_and_gives_up() {
    let mut bench = Bench::of("ohaus");
    bench.put(500);
    assert_eq!(bench.ask(b"SP\r\n"), b"");
    assert_eq!(said(&bench.pass(2_000)), r"      0.500 kg      \r\n");
    bench.put(1);
    bench.ask(b"SP\r\n");
    let asked = bench.millis;
    let mut heard = Vec::new();
    while heard.is_empty() && bench.millis < asked + 60_000 {
        bench.scale.put(Stamp::from_millis(bench.millis), 1);
        heard = bench.pass(200);
    }
    assert_eq!((said(&heard).as_str(), bench.millis - asked), (r"ES\r\n", 40_000));
}

#[test]
fn printing_by_itself() {
    let mut bench = Bench::of("ohaus");
    bench.ask(b"SLZP\r\n");
    assert_eq!(said(&bench.pass(1_000)), r"      0.000 kg      \r\n");
    bench.put(500);
    assert_eq!(said(&bench.pass(3_000)), r"      0.500 kg      \r\n");
    bench.ask(b"SLP\r\n");
    bench.pass(100);
    bench.scale.take_away(Stamp::from_millis(bench.millis));
    assert_eq!(bench.pass(3_000), b"", "SLP leaves zero out");
    bench.ask(b"CP\r\n");
    assert_eq!(bench.pass(1_000).len(), 10 * 22);
    bench.ask(b"2P\r\n");
    assert_eq!(bench.pass(4_000).len(), 2 * 22);
    bench.ask(b"0P\r\n");
    assert_eq!(bench.pass(4_000), b"");
}

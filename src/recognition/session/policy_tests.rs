use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn view(refresh: &Refresh, now: Instant) -> View<'_> {
    View {
        now,
        started: now - Duration::from_hours(2),
        idle: None,
        lent: 0,
        asked: None,
        armed: None,
        last_weighing: None,
        ever: true,
        failed: None,
        chance: 1.0,
        recovery: None,
        pings: true,
        limit: None,
        refresh,
    }
}

fn line(heard: Instant) -> LineView {
    LineView { opened: heard, heard, requests: 1, chance: 0.5 }
}

fn start() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

#[test]
fn a_connection_is_made_at_the_start_and_again_while_the_shop_is_active() {
    let (refresh, now) = (Refresh::default(), start());
    assert_eq!(next(&View { ever: false, ..view(&refresh, now) }), Step::Dial);
    let weighed = |ago| View { last_weighing: Some(now - ago), ..view(&refresh, now) };
    assert_eq!(next(&weighed(ACTIVE.saturating_sub(SECOND))), Step::Dial);
    assert_eq!(next(&weighed(ACTIVE)), Step::Rest(None));
    assert_eq!(next(&View { lent: 1, ..weighed(SECOND) }), Step::Rest(None), "one is in use");
}

#[test]
fn whoever_asks_is_served_at_once_but_not_twice_by_the_same_failure() {
    let (refresh, now) = (Refresh::default(), start());
    let asked = |asked, failed| View { asked: Some(asked), failed, ..view(&refresh, now) };
    assert_eq!(next(&asked(now, None)), Step::Dial);
    assert_eq!(next(&asked(now, Some((now - SECOND, 9)))), Step::Dial, "the pause does not hold");
    let failed = now - Duration::from_millis(10);
    assert_eq!(
        next(&asked(failed - SECOND, Some((failed, 1)))),
        Step::Rest(Some(failed + Duration::from_millis(250)))
    );
    let sooner = View { chance: 0.0, ..asked(failed - SECOND, Some((failed, 1))) };
    assert_eq!(
        next(&sooner),
        Step::Rest(Some(failed + Duration::from_millis(125))),
        "half of it at the least"
    );
    let lent = View { lent: 1, ..asked(now, None) };
    assert_eq!(next(&lent), Step::Dial, "the one in use may take long");
}

#[test]
fn pauses_double_up_to_half_a_minute() {
    for (times, millis) in [(1, 250), (2, 500), (3, 1_000), (7, 16_000), (8, 30_000), (1_000, 30_000)] {
        assert_eq!(pause(times), Duration::from_millis(millis), "{times}");
    }
}

#[test]
fn a_silent_line_is_asked_when_the_load_leaves_zero() {
    let (refresh, now) = (Refresh::default(), start());
    let with = |silent, armed: Option<Duration>, limit| View {
        idle: Some(line(now - silent)),
        armed: armed.map(|ago| now - ago),
        limit,
        ..view(&refresh, now)
    };
    assert_eq!(next(&with(2 * SECOND, Some(SECOND), None)), Step::Ping);
    assert_ne!(next(&with(Duration::from_millis(1_999), Some(SECOND), None)), Step::Ping);
    assert_ne!(next(&with(20 * SECOND, None, None)), Step::Ping);
    assert_ne!(next(&with(20 * SECOND, Some(21 * SECOND), None)), Step::Ping, "it was asked since");
    let close = Some(3 * SECOND);
    assert_eq!(
        next(&with(Duration::from_millis(1_500), Some(SECOND), close)),
        Step::Ping,
        "closed after three"
    );
}

#[test]
fn a_line_is_kept_warm_while_the_shop_is_active_only() {
    let (refresh, now) = (Refresh::default(), start());
    let with = |silent, ago, limit| View {
        idle: Some(line(now - silent)),
        last_weighing: Some(now - ago),
        limit,
        ..view(&refresh, now)
    };
    assert_eq!(next(&with(25 * SECOND, 25 * SECOND, None)), Step::Ping);
    assert_eq!(next(&with(24 * SECOND, 24 * SECOND, None)), Step::Rest(Some(now + SECOND)));
    assert_eq!(next(&with(25 * SECOND, ACTIVE, None)), Step::Rest(None));
    assert_eq!(next(&with(4 * SECOND, SECOND, Some(5 * SECOND))), Step::Ping, "a fifth before it closes");
    assert_ne!(next(&with(3 * SECOND, SECOND, Some(5 * SECOND))), Step::Ping);
    assert_eq!(
        next(&View { pings: false, ..with(25 * SECOND, SECOND, None) }),
        Step::Rest(Some(now + Duration::from_mins(30) - 25 * SECOND))
    );
    assert_eq!(keep_warm(Some(Duration::from_millis(3_900)), 0.5), None, "too short to be worth it");
}

#[test]
fn a_line_is_replaced_by_count_and_age_between_weighings() {
    let now = start();
    let refresh: Refresh = toml::from_str("refresh_requests = 500\nrefresh_minutes = 45").unwrap();
    let with = |requests, age, armed: Option<Duration>, failed| View {
        idle: Some(LineView { opened: now - age, requests, ..line(now) }),
        last_weighing: Some(now - SECOND),
        armed: armed.map(|ago| now - ago),
        failed,
        ..view(&refresh, now)
    };
    assert_eq!(next(&with(500, SECOND, None, None)), Step::Replace);
    assert_ne!(next(&with(499, SECOND, None, None)), Step::Replace);
    assert_eq!(next(&with(1, Duration::from_mins(45), None, None)), Step::Replace);
    assert_ne!(next(&with(1, Duration::from_secs(45 * 60 - 1), None, None)), Step::Replace);
    assert_ne!(next(&with(500, SECOND, Some(4 * SECOND), None)), Step::Replace, "goods are coming");
    assert_eq!(next(&with(500, SECOND, Some(5 * SECOND), None)), Step::Replace);
    let failed = |ago| Some((now - ago, 1));
    assert_ne!(next(&with(500, SECOND, None, failed(59 * SECOND))), Step::Replace);
    assert_eq!(next(&with(500, SECOND, None, failed(60 * SECOND))), Step::Replace);
    let never: Refresh = toml::from_str("refresh_requests = 0\nrefresh_minutes = 0").unwrap();
    let old = View { refresh: &never, ..with(9_999, Duration::from_hours(9), None, None) };
    assert_ne!(next(&old), Step::Replace);
}

#[test]
fn a_service_that_failed_is_asked_when_its_rest_is_over() {
    let (refresh, now) = (Refresh::default(), start());
    let due = |at, idle| View { recovery: Some(at), idle, ..view(&refresh, now) };
    assert_eq!(next(&due(now, Some(line(now)))), Step::Ping);
    assert_eq!(next(&due(now, None)), Step::Dial);
    assert_eq!(next(&due(now + SECOND, Some(line(now)))), Step::Rest(Some(now + SECOND)));
    assert_eq!(next(&due(now + SECOND, None)), Step::Rest(Some(now + SECOND)));
}

#[test]
fn the_idle_limit_is_learned_believed_and_forgotten() {
    let now = start();
    let mut limit = IdleLimit::default();
    limit.closed_after(Duration::from_millis(2_999), now);
    assert_eq!(limit.at(now), None, "that was no idle limit");
    limit.closed_after(30 * SECOND, now);
    limit.closed_after(31 * SECOND, now);
    assert_eq!(limit.at(now), Some(30 * SECOND), "the shortest counts");
    limit.outlived(31 * SECOND);
    assert_eq!(limit.at(now), Some(30 * SECOND));
    limit.outlived(32 * SECOND);
    assert_eq!(limit.at(now), None, "it was wrong");
    limit.announced(5 * SECOND, now);
    assert_eq!(limit.at(now + BELIEVED - SECOND), Some(5 * SECOND));
    assert_eq!(limit.at(now + BELIEVED), None);
}

#[test]
fn a_line_about_to_be_closed_is_not_used() {
    let now = start();
    let mut limit = IdleLimit::default();
    let trip = Duration::from_millis(50);
    assert!(!limit.is_ending(30 * SECOND, trip, now));
    limit.closed_after(30 * SECOND, now);
    for (millis, ending) in [(29_749, false), (29_750, true), (30_000, true), (31_000, true), (31_001, false)]
    {
        assert_eq!(limit.is_ending(Duration::from_millis(millis), trip, now), ending, "{millis}");
    }
    assert!(limit.is_ending(29 * SECOND, 5 * trip, now), "further away, earlier");
}
